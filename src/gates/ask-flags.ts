/** Which flags are not confirmed, by the hook of the config. Whatever does not say yes says no. */

import type { ControlPool } from '../control/control-pool.js';
import type { UnconfirmedFlag } from '../domain/phases.js';
import { readColumn } from '../postgres/host-checks.js';
import { describePostgresError } from '../postgres/sqlstate.js';
import type { FlagFunction, FlagsSpec } from '../spec/flags.js';
import type { ResolveReference } from '../spec/references.js';
import { askWeb, type WebQuestion } from './ask-web.js';
import { ANSWER_WITHIN_MS } from './sample.js';

export interface FlagAsking {
  readonly control: ControlPool;
  readonly resolve: ResolveReference;
  /** @defaultValue 10000 */
  readonly answerWithinMs?: number;
}

/** Undefined: on. Otherwise why not, in words that quote no data. */
type AskFlag = (flag: string, tenant: string | undefined) => Promise<string | undefined>;

/**
 * Asks one question after another. SQL speaks for the whole fleet, whoever is named.
 * @param tenants undefined: asks for the fleet
 */
export async function unconfirmedFlags(
  source: FlagsSpec | undefined,
  flags: readonly string[],
  tenants: readonly string[] | undefined,
  asking: FlagAsking,
): Promise<readonly UnconfirmedFlag[]> {
  if (flags.length === 0) return [];
  const askFlag = source === undefined ? async () => 'the config has no "flags" to ask' : askerOf(source, asking);
  const unconfirmed: UnconfirmedFlag[] = [];
  for (const flag of flags)
    for (const tenant of tenants ?? [undefined]) {
      const why = await askFlag(flag, tenant);
      if (why === undefined) continue;
      unconfirmed.push({ flag, why: tenant === undefined ? why : `${tenant}: ${why}` });
      break;
    }
  return unconfirmed;
}

function askerOf(source: FlagsSpec, asking: FlagAsking): AskFlag {
  const { answerWithinMs = ANSWER_WITHIN_MS } = asking;
  if (typeof source === 'function') return (flag, tenant) => askFunction(source, flag, tenant, answerWithinMs);
  if ('url' in source) return (flag, tenant) => askAddress(source, flag, tenant, asking.resolve, answerWithinMs);
  const on = flagsThatAreOn(source.sql, asking.control, answerWithinMs);
  return async (flag) => {
    const found = await on;
    return typeof found === 'string' ? found : found.has(flag) ? undefined : 'off';
  };
}

async function flagsThatAreOn(sql: string, control: ControlPool, withinMs: number): Promise<ReadonlySet<unknown> | string> {
  try {
    const client = await control.connect();
    try {
      return new Set(await readColumn(client, sql, withinMs));
    } finally {
      client.release();
    }
  } catch (error) {
    return `the query fails: ${describePostgresError(error as Error)}`;
  }
}

async function askAddress(
  { url, field, headers }: Extract<FlagsSpec, { url: string }>,
  flag: string,
  tenant: string | undefined,
  resolve: ResolveReference,
  withinMs: number,
): Promise<string | undefined> {
  const question: WebQuestion = {
    type: 'http',
    url,
    ...(field === undefined ? {} : { field }),
    ...(headers === undefined ? {} : { headers }),
    search: { flag, ...(tenant === undefined ? {} : { tenant }) },
  };
  const sample = await askWeb(question, resolve, withinMs);
  if (sample.kind === 'pass') return undefined;
  return sample.kind === 'value' ? 'it answers a number' : sample.text;
}

async function askFunction(ask: FlagFunction, flag: string, tenant: string | undefined, withinMs: number): Promise<string | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<string>((done) => {
    timer = setTimeout(() => done(`no answer within ${withinMs / 1000} s`), withinMs);
  });
  const asked = async (): Promise<string | undefined> => {
    const answer: unknown = await ask(flag, tenant);
    return answer === true ? undefined : answer === false ? 'off' : 'it answers neither true nor false';
  };
  try {
    return await Promise.race([asked(), late]);
  } catch (error) {
    return `it throws ${error instanceof Error ? error.name : 'something'}`;
  } finally {
    clearTimeout(timer);
  }
}
