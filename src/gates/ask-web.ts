/** Gates behind HTTP: a Prometheus query, or any address that says yes, no or a number. */

import { FlotillaError } from '../domain/errors.js';
import type { Sample } from '../domain/gates.js';
import type { PlannedGate } from '../domain/plan.js';
import type { ResolveReference } from '../spec/references.js';
import { sampleOf, silent } from './sample.js';

/** What is asked of an address. */
export type WebQuestion = Pick<PlannedGate, 'type' | 'url' | 'query' | 'field' | 'headers'> &
  Partial<Pick<PlannedGate, 'limits'>> & {
    /** Put behind the address as its query. */
    readonly search?: Readonly<Record<string, string>>;
  };

/** Says nothing of the address, which may hold a credential. */
export async function askWeb(gate: WebQuestion, resolve: ResolveReference, withinMs: number): Promise<Sample> {
  const get = (path = '') => getFrom(gate, resolve, withinMs, path);
  try {
    return gate.type === 'prometheus' ? await askPrometheus(gate, get) : await askHttp(gate, get);
  } catch (error) {
    if (error instanceof FlotillaError) return silent(error.message);
    const { name, cause } = error as Error & { readonly cause?: { readonly code?: string } };
    return silent(name === 'TimeoutError' ? `no answer within ${withinMs / 1000} s` : `it does not answer (${cause?.code ?? name})`);
  }
}

type Get = (path?: string) => Promise<Response>;

const isReference = (text: string): boolean => /^(env|file):/.test(text);
const resolved = async (text: string, resolve: ResolveReference): Promise<string> => (isReference(text) ? resolve(text) : text);

/** No other address is followed to: headers may hold a credential. */
async function getFrom(gate: WebQuestion, resolve: ResolveReference, withinMs: number, path: string): Promise<Response> {
  const base = await resolved(gate.url!, resolve);
  const headers: Record<string, string> = { accept: 'application/json' };
  for (const [name, value] of Object.entries(gate.headers ?? {})) headers[name] = await resolved(value, resolve);
  const address = path === '' ? base : `${base.replace(/\/+$/, '')}${path}`;
  return fetch(gate.search ? searching(address, gate.search) : address, {
    headers,
    redirect: 'manual',
    signal: AbortSignal.timeout(withinMs),
  });
}

function searching(address: string, search: Readonly<Record<string, string>>): URL {
  const url = new URL(address);
  for (const [name, value] of Object.entries(search)) url.searchParams.set(name, value);
  return url;
}

/** https://prometheus.io/docs/prometheus/latest/querying/api/#instant-queries */
interface PrometheusAnswer {
  readonly status?: string;
  readonly data?:
    | { readonly resultType: 'scalar'; readonly result: readonly [number, string] }
    | { readonly resultType: 'vector'; readonly result: readonly { readonly value: readonly [number, string] }[] };
}

async function askPrometheus(gate: WebQuestion, get: Get): Promise<Sample> {
  const response = await get(`/api/v1/query?query=${encodeURIComponent(gate.query!)}`);
  if (!response.ok) return noAnswer(response);
  const body = (await json(response)) as PrometheusAnswer | undefined;
  const { data } = body ?? {};
  if (body?.status !== 'success' || !data) return silent('its answer is not one of Prometheus');
  if (data.resultType !== 'scalar' && data.resultType !== 'vector')
    return { kind: 'inconclusive', text: 'the query answers neither a scalar nor an instant vector' };
  const texts = data.resultType === 'scalar' ? [data.result[1]] : data.result.map(({ value }) => value[1]);
  const values = texts.map((text) => Number(text.replace('Inf', 'Infinity'))).filter((value) => !Number.isNaN(value));
  if (values.length === 0) return { kind: 'inconclusive', text: 'the query finds no value' };
  return sampleOf(gate.limits?.when === 'below' ? Math.min(...values) : Math.max(...values));
}

async function askHttp(gate: WebQuestion, get: Get): Promise<Sample> {
  const response = await get();
  if (gate.field === undefined) {
    await response.body?.cancel();
    if (response.ok) return { kind: 'pass' };
    return redirects(response) ? noAnswer(response) : { kind: 'fail', text: `it answers ${response.status}` };
  }
  if (!response.ok) return noAnswer(response);
  const body = await json(response);
  if (body === undefined) return silent('its answer is not JSON');
  const found = gate.field.split('.').reduce<unknown>((at, key) => (at as Record<string, unknown> | null | undefined)?.[key], body);
  return found === undefined ? { kind: 'inconclusive', text: `its answer has no "${gate.field}"` } : sampleOf(found);
}

const redirects = ({ status }: Response): boolean => status >= 300 && status < 400;

async function noAnswer(response: Response): Promise<Sample> {
  await response.body?.cancel();
  return silent(`it answers ${response.status}${redirects(response) ? ', another address: name that one' : ''}`);
}

const json = (response: Response): Promise<unknown> =>
  response.json().catch((error) => {
    if (!(error instanceof SyntaxError)) throw error;
  });
