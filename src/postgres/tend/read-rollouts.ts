/** What rollouts did to tenants, as the tenants' own ledgers tell it: for a control database that has lost its record. */

import type { Client } from 'pg';
import { LEDGER } from '../ledger.js';
import { ident, literal } from '../quote.js';

const TENANTS_PER_STATEMENT = 400;

/** One rollout in one tenant. */
export interface RolloutTrace {
  readonly tenant: string;
  readonly rollout: string;
  /** Something that it applied still stands, or all was taken back. */
  readonly state: 'applied' | 'rolledBack';
  /** Newest migration that it applied. */
  readonly newest: string;
  readonly actor: string;
  /** Of its first and its last row. */
  readonly firstAt: Date;
  readonly lastAt: Date;
}

/**
 * Every rollout that has applied or reverted something in these tenants of one database. Rows that were written for another tenant, before a
 * clone was adopted, or for another fleet are no trace. Tenants without a ledger have none. Holds short locks; writes nothing.
 */
export async function readRollouts(
  client: Client,
  tenants: readonly { readonly id: string; readonly schema: string }[],
  fleet: string,
): Promise<readonly RolloutTrace[]> {
  const traces: RolloutTrace[] = [];
  for (let from = 0; from < tenants.length; from += TENANTS_PER_STATEMENT) {
    const slice = tenants.slice(from, from + TENANTS_PER_STATEMENT);
    const having = await withLedger(client, [...new Set(slice.map((tenant) => tenant.schema))]);
    const parts = slice.flatMap(({ id, schema }, index) => (having.has(schema) ? [selectOf(id, schema, index, fleet)] : []));
    if (parts.length === 0) continue;
    const { rows } = await client.query<Row>(parts.join('\nunion all '));
    for (const { i, moves, ...trace } of rows) traces.push({ tenant: slice[i]!.id, ...trace, ...outcomeOf(moves) });
  }
  return traces;
}

interface Row extends Pick<RolloutTrace, 'rollout' | 'actor' | 'firstAt' | 'lastAt'> {
  readonly i: number;
  /** Migration and kind, in order. */
  readonly moves: readonly (readonly [string, 'applied' | 'reverted'])[];
}

const selectOf = (id: string, schema: string, index: number, fleet: string): string =>
  `select ${index} i, rollout, coalesce((array_agg(actor order by id))[1], '') actor, min(at) "firstAt", max(at) "lastAt", json_agg(json_build_array(migration, kind) order by id) moves
 from ${ident(schema)}.${ident(LEDGER)} where kind in ('applied', 'reverted') and rollout is not null and tenant = ${literal(id)} and fleet = ${literal(fleet)} group by rollout`;

function outcomeOf(moves: Row['moves']): Pick<RolloutTrace, 'state' | 'newest'> {
  const last = new Map(moves);
  return {
    state: [...last.values()].includes('applied') ? 'applied' : 'rolledBack',
    newest: [...last.keys()].sort().at(-1)!,
  };
}

async function withLedger(client: Client, schemas: readonly string[]): Promise<ReadonlySet<string>> {
  const { rows } = await client.query<{ nspname: string }>(
    `select n.nspname from pg_namespace n join pg_class c on c.relnamespace = n.oid where n.nspname = any ($1::name[]) and c.relname = $2 and c.relkind in ('r', 'p')`,
    [schemas, LEDGER],
  );
  return new Set(rows.map((row) => row.nspname));
}
