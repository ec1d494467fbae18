import { FlotillaError } from '../domain/errors.js';
import type { RollbackPreview } from '../domain/rollback-preview.js';
import { askAdmin } from './admin.js';
import type { AskOptions, ClientContext } from './context.js';
import { latestRun } from './find-rollout.js';

export interface PreviewOptions extends AskOptions {
  /** @defaultValue the open one, else the latest */
  readonly rolloutId?: string;
  readonly tenants?: readonly string[];
  readonly wave?: string;
  /** The migration that would stay, with all before it. @defaultValue none of this rollout's */
  readonly to?: string;
}

/**
 * Says what a rollback would take back, tenants with the same answer together, and what would be refused and why. Reads the tenants' ledgers
 * and tables, at most 500 tenants on each host; `unknown` says what that cannot tell. Changes nothing.
 * @throws FLT_ROLLOUT_NOT_FOUND, FLT_UNKNOWN_MIGRATION, FLT_REFUSED (no such wave, or nothing that could be taken back), FLT_NO_WORKFLOW_WORKER
 */
export async function previewRollback(context: ClientContext, options: PreviewOptions = {}): Promise<RollbackPreview> {
  const { rolloutId = (await latestRun(context))?.rolloutId, tenants, wave, to, ...ask } = options;
  if (rolloutId === undefined) throw new FlotillaError('FLT_ROLLOUT_NOT_FOUND', 'This fleet never had a rollout.', {});
  return askAdmin(
    context,
    'previewRollback',
    {
      rolloutId,
      ...(tenants?.length ? { tenants } : {}),
      ...(wave === undefined ? {} : { wave }),
      ...(to === undefined ? {} : { to }),
    },
    ask,
  );
}
