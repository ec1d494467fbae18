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
    const rows = await union<Row>(
      client,
      slice.flatMap(({ schema }, index) => {
        const found = exists.get(schema);
        return found?.history || found?.ledger ? [bookkeepingOf(schema, index, found, names)] : [];
      }),
    );
    const books = slice.map((_, index) => readBooks(rows.get(index)));
    const halfWay = await readJournals(client, slice, books, exists);
    slice.forEach(({ id, schema }, index) => {
      const { written, checksums, identity } = books[index]!;
      positions.push({
        id,
        applied: exists.has(schema) ? [...new Set(written.map(withoutExtension))] : undefined,
        written,
        checksums,
        ...(identity ? { identity } : {}),
        halfWay: halfWay.get(index) ?? [],
      });
    });
  }
  return positions;
}

async function union<R extends { readonly i: number }>(client: Client, parts: readonly string[]): Promise<ReadonlyMap<number, R>> {
  const { rows } = parts.length ? await client.query<R>(parts.join('\nunion all ')) : { rows: [] };
  return new Map(rows.map((row) => [row.i, row]));
}

/** One tenant's history and ledger, as the server packs them: values apart by US, rows apart by RS. */
interface Row {
  readonly i: number;
  /** Names in Knex's history. */
  readonly h: string | null;
  /** Rows of the ledger: kind, migration, checksum; of an identity whether it was written elsewhere, and the tenant as JSON. */
  readonly l: string | null;
}
const US = '\x1f';
const RS = '\x1e';
const split = (text: string | null | undefined): readonly string[] => text?.split(RS) ?? [];

interface Found {
  readonly history: boolean;
  readonly ledger: boolean;
  readonly step: boolean;
}

/**
 * Planning is what this costs, and every table is planned for: one read of each, and none of those that are not there. Rows without a
 * migration, but for identities, come out as null and so not at all.
 */
function bookkeepingOf(schema: string, index: number, { history, ledger }: Found, names: HistoryNames): string {
  const all = (what: string, table: string) => `(select string_agg(${what}, '${RS}' order by id) from ${table})`;
  const h = history ? all('name', `${ident(names.schemaName ?? schema)}.${ident(names.tableName)}`) : 'null';
  const l = ledger
    ? all(
        `case kind when 'identity' then 'identity${US}' || coalesce(xmin <> xid::xid, false) || '${US}' || to_json(tenant)
  else kind || '${US}' || migration || '${US}' || coalesce(checksum, '') end`,
        `${ident(schema)}.${ident(LEDGER)}`,
      )
    : 'null';
  return `select ${index} i, ${h} h, ${l} l`;
}

interface Books extends Pick<Position, 'written' | 'checksums' | 'identity'> {
  /** Something was begun outside a transaction, and its end is not in the ledger. */
  readonly unfinished: boolean;
}

function readBooks(row: Row | undefined): Books {
  const checksums: Record<string, string> = {};
  const open = new Set<string>();
  let identity: Position['identity'];
  for (const line of split(row?.l)) {
    const [kind, second, third] = line.split(US) as [LedgerRow['kind'], string, string];
    if (kind === 'identity') identity = { copied: second === 'true', tenant: JSON.parse(third) as string };
    else if (kind === 'intent' || kind === 'failed') open.add(second);
    else {
      open.delete(second);
      if (kind === 'reverted') delete checksums[second];
      else checksums[second] = third;
    }
  }
  return { written: split(row?.h), checksums, ...(identity ? { identity } : {}), unfinished: open.size > 0 };
}

/** Journals are read where the ledger says that there may be something in them: next to nowhere. */
async function readJournals(
  client: Client,
  slice: readonly { readonly schema: string }[],
  books: readonly Books[],
  exists: ReadonlyMap<string, Found>,
): Promise<ReadonlyMap<number, readonly HalfWay[]>> {
  const rows = await union<{ readonly i: number; readonly s: readonly HalfWay[] | null }>(
    client,
    slice.flatMap(({ schema }, index) =>
      books[index]!.unfinished && exists.get(schema)?.step
        ? [
            `select ${index} i, (select json_agg(g) from (select migration, direction, count(*)::int n from ${ident(schema)}.${ident(STEP)} where key <> 'before' group by 1, 2 order by min(id)) g) s`,
          ]
        : [],
    ),
  );
  return new Map([...rows].map(([index, { s }]) => [index, s ?? []]));
}

/** Which of the schemas exist, and which tables of the bookkeeping each of them has. */
async function existing(client: Client, schemas: readonly string[], names: HistoryNames): Promise<Map<string, Found>> {
  const home = names.schemaName;
  const { rows } = await client.query<{ nspname: string; history: boolean; ledger: boolean; step: boolean }>(
    `select n.nspname, bool_or(c.relname = $2) ${home === undefined ? '' : 'or to_regclass($5) is not null'} as history, bool_or(c.relname = $3) as ledger, bool_or(c.relname = $4) as step
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
