/** Reads where many tenants stand, a few hundred schemas per statement: the no-op check of a fleet. */

import type { Client } from 'pg';
import type { HistoryNames, Position } from './contract.js';
import { type HalfWay, LEDGER, type LedgerRow, STEP, withoutExtension } from './ledger.js';
import { ident, literal } from './quote.js';

const TENANTS_PER_STATEMENT = 400;

/**
 * What the bookkeeping of tenants in one database says, in the order given. Holds short locks: one
 * UNION over a fleet of 17,000 schemas is known to exhaust the lock table. Nothing is created in the database.
 */
export async function scanPositions(
  client: Client,
  tenants: readonly { readonly id: string; readonly schema: string }[],
  names: HistoryNames,
): Promise<readonly Position[]> {
  const positions: Position[] = [];
  for (let from = 0; from < tenants.length; from += TENANTS_PER_STATEMENT) {
    const slice = tenants.slice(from, from + TENANTS_PER_STATEMENT);
    const exists = await existing(
      client,
      slice.map((t) => t.schema),
      names,
    );
    const parts = slice.flatMap(({ schema }, index) => {
      const found = exists.get(schema);
      return found?.history || found?.ledger ? [selectOf(schema, index, found, names)] : [];
    });
    const { rows } = parts.length ? await client.query<Row>(parts.join('\nunion all ')) : { rows: [] };
    const byIndex = new Map(rows.map((row) => [row.i, row]));
    slice.forEach((tenant, index) => {
      positions.push(toPosition(tenant.id, exists.has(tenant.schema), byIndex.get(index)));
    });
  }
  return positions;
}

/** One tenant's bookkeeping, as the server packs it: values apart by US, rows apart by RS. */
interface Row {
  readonly i: number;
  /** Names in Knex's history. */
  readonly h: string | null;
  /** Rows of the ledger: kind, migration, checksum; of an identity whether it was written elsewhere, and the tenant as JSON. */
  readonly l: string | null;
  /** Direction and migration of each statement in the journal. */
  readonly s: string | null;
}

interface Found {
  readonly history: boolean;
  readonly ledger: boolean;
  readonly step: boolean;
}

/** Planning is what this costs, and every table is planned for: one read of each, and none of those that are not there. */
function selectOf(schema: string, index: number, { history, ledger, step }: Found, names: HistoryNames): string {
  const all = (what: string, table: string) => `(select string_agg(${what}) from ${table})`;
  const own = (table: string) => `${ident(schema)}.${ident(table)}`;
  const h = history ? all('name, chr(30) order by id', `${ident(names.schemaName ?? schema)}.${ident(names.tableName)}`) : 'null';
  const l = ledger
    ? all(
        `kind || chr(31) || case kind when 'identity' then coalesce(xmin::text::bigint <> xid::text::bigint % 4294967296, false) || chr(31) || to_json(tenant)::text
  else migration || chr(31) || coalesce(checksum, '') end, chr(30) order by id`,
        `${own(LEDGER)} where kind in ('identity', 'baseline', 'applied', 'reverted')`,
      )
    : 'null';
  const s = step ? all(`direction || chr(31) || migration, chr(30) order by id`, `${own(STEP)} where key <> 'before'`) : 'null';
  return `select ${index} i, ${h} h, ${l} l, ${s} s`;
}

function toPosition(id: string, exists: boolean, row: Row | undefined): Position {
  const written = split(row?.h);
  const { identity, checksums } = readLedger(split(row?.l));
  return {
    id,
    applied: exists ? [...new Set(written.map(withoutExtension))] : undefined,
    written,
    checksums,
    ...(identity ? { identity } : {}),
    halfWay: countSteps(split(row?.s)),
  };
}

const split = (text: string | null | undefined): readonly string[] => text?.split('\x1e') ?? [];

function readLedger(rows: readonly string[]): Pick<Position, 'identity' | 'checksums'> {
  const checksums: Record<string, string> = {};
  let identity: Position['identity'];
  for (const row of rows) {
    const [kind, second, third] = row.split('\x1f') as [LedgerRow['kind'], string, string];
    if (kind === 'identity') identity = { copied: second === 'true', tenant: JSON.parse(third) as string };
    else if (kind === 'reverted') delete checksums[second];
    else checksums[second] = third;
  }
  return { checksums, ...(identity ? { identity } : {}) };
}

function countSteps(rows: readonly string[]): readonly HalfWay[] {
  const counts = new Map<string, number>();
  for (const row of rows) counts.set(row, (counts.get(row) ?? 0) + 1);
  return [...counts].map(([row, n]) => {
    const [direction, migration] = row.split('\x1f') as [HalfWay['direction'], string];
    return { direction, migration, n };
  });
}

/** Which of the schemas exist, and which bookkeeping each of them has. A journal that nothing was ever written into counts as none. */
async function existing(client: Client, schemas: readonly string[], names: HistoryNames): Promise<Map<string, Found>> {
  const home = names.schemaName;
  const { rows } = await client.query<{ nspname: string; history: boolean; ledger: boolean; step: boolean }>(
    `select n.nspname, bool_or(c.relname = $2) ${home === undefined ? '' : 'or to_regclass($5) is not null'} as history, bool_or(c.relname = $3) as ledger, bool_or(c.relname = $4 and pg_relation_size(c.oid) > 0) as step
     from pg_namespace n left join pg_class c on c.relnamespace = n.oid and c.relname in ($2, $3, $4) and c.relkind in ('r', 'p')
     where n.nspname = any ($1::name[]) group by 1`,
    [[...new Set(schemas)], names.tableName, LEDGER, STEP, ...(home === undefined ? [] : [`${ident(home)}.${ident(names.tableName)}`])],
  );
  return new Map(rows.map((row) => [row.nspname, { history: row.history ?? false, ledger: row.ledger ?? false, step: row.step ?? false }]));
}

/** Schemas whose name fits a glob (`*`, `?`), sorted; the system's own are left out. */
export async function discoverSchemas(client: Client, like: string): Promise<readonly string[]> {
  const pattern = like
    .replace(/[\\%_]/g, '\\$&')
    .replaceAll('*', '%')
    .replaceAll('?', '_');
  const { rows } = await client.query<{ nspname: string }>(
    `select nspname from pg_namespace where nspname like ${literal(pattern)} and nspname not like 'pg\\_%' and nspname <> 'information_schema' order by nspname collate "C"`,
  );
  return rows.map((row) => row.nspname);
}
