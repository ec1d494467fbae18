/** Gates behind HTTP: a Prometheus query, or any address that says yes, no or a number. */

import { FlotillaError } from '../domain/errors.js';
import type { Sample } from '../domain/gates.js';
import type { PlannedGate } from '../domain/plan.js';
import type { ResolveReference } from '../spec/references.js';
import { ANSWER_WITHIN_MS, sampleOf, silent } from './sample.js';

/** Says nothing of the address, which may hold a credential. */
export async function askWeb(gate: PlannedGate, resolve: ResolveReference): Promise<Sample> {
  try {
    return gate.type === 'prometheus' ? await askPrometheus(gate, resolve) : await askHttp(gate, resolve);
  } catch (error) {
    if (error instanceof FlotillaError) return silent(error.message);
    const { name, cause } = error as Error & { readonly cause?: { readonly code?: string } };
    return silent(
      name === 'TimeoutError' ? `no answer within ${ANSWER_WITHIN_MS / 1000} s` : `it does not answer (${cause?.code ?? name})`,
    );
  }
}

const isReference = (text: string): boolean => /^(env|file):/.test(text);
const resolved = async (text: string, resolve: ResolveReference): Promise<string> => (isReference(text) ? resolve(text) : text);

async function get(gate: PlannedGate, resolve: ResolveReference, path = ''): Promise<Response> {
  const base = await resolved(gate.url!, resolve);
  const headers: Record<string, string> = { accept: 'application/json' };
  for (const [name, value] of Object.entries(gate.headers ?? {})) headers[name] = await resolved(value, resolve);
  return fetch(path === '' ? base : `${base.replace(/\/+$/, '')}${path}`, { headers, signal: AbortSignal.timeout(ANSWER_WITHIN_MS) });
}

/** https://prometheus.io/docs/prometheus/latest/querying/api/#instant-queries */
async function askPrometheus(gate: PlannedGate, resolve: ResolveReference): Promise<Sample> {
  const response = await get(gate, resolve, `/api/v1/query?query=${encodeURIComponent(gate.query!)}`);
  if (!response.ok) return silent(`it answers ${response.status}`);
  const body = (await json(response)) as { status?: string; data?: { resultType?: string; result?: unknown } } | undefined;
  if (body?.status !== 'success') return silent('its answer is not one of Prometheus');
  const { resultType, result } = body.data ?? {};
  const texts =
    resultType === 'scalar'
      ? [(result as [number, string])[1]]
      : resultType === 'vector'
        ? (result as { value: [number, string] }[]).map(({ value }) => value[1])
        : [];
  const values = texts.map(Number).filter((value) => !Number.isNaN(value));
  if (values.length === 0) return { kind: 'inconclusive', text: 'the query finds no value' };
  return sampleOf(gate.limits.when === 'below' ? Math.min(...values) : Math.max(...values));
}

async function askHttp(gate: PlannedGate, resolve: ResolveReference): Promise<Sample> {
  const response = await get(gate, resolve);
  if (gate.field === undefined) return response.ok ? { kind: 'pass' } : { kind: 'fail', text: `it answers ${response.status}` };
  if (!response.ok) return silent(`it answers ${response.status}`);
  const body = await json(response);
  if (body === undefined) return silent('its answer is not JSON');
  const found = gate.field.split('.').reduce<unknown>((at, key) => (at as Record<string, unknown> | null | undefined)?.[key], body);
  return found === undefined ? { kind: 'inconclusive', text: `its answer has no "${gate.field}"` } : sampleOf(found);
}

const json = (response: Response): Promise<unknown> => response.json().catch(() => undefined);
