import type { ClientContext } from './context.js';

/** The UI of a dev server on its standard ports, and of Temporal Cloud; elsewhere it has to be told. */
export function knownUiUrl(address: string): string | undefined {
  if (/^(localhost|127\.0\.0\.1|\[::1\]):7233$/.test(address)) return 'http://localhost:8233';
  if (/\.(tmprl\.cloud|temporal\.io):\d+$/.test(address)) return 'https://cloud.temporal.io';
  return undefined;
}

/** Link to a workflow's page in the Temporal UI; null when its address is not known. */
export function workflowUrl(context: Pick<ClientContext, 'uiUrl' | 'namespace'>, workflowId: string, runId?: string): string | null {
  if (!context.uiUrl) return null;
  const base = context.uiUrl.replace(/\/+$/, '');
  const path = `${base}/namespaces/${encodeURIComponent(context.namespace)}/workflows/${encodeURIComponent(workflowId)}`;
  return runId ? `${path}/${runId}/history` : path;
}
