/** Reads where many tenants stand, a few hundred schemas per statement: the no-op check of a fleet. */

import type { Client } from 'pg';
import type { HistoryNames, Position } from './contract.js';
import { LEDGER, withoutExtension } from './ledger.js';
import { ident, literal } from './quote.js';

const TENANTS_PER_STATEMENT = 400;

/**
 * Applied migrations and ledger checksums of tenants in one database, in the order given. Holds short locks: one
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
    const parts = slice.flatMap((tenant, index) => {
      const found = exists.get(tenant.schema);
      if (!found?.history) return [];
      const home = ident(names.schemaName ?? tenant.schema);
      const checksums = found.ledger
        ? `(select string_agg(migration || chr(31) || kind || chr(31) || coalesce(checksum, ''), chr(30) order by id) from ${ident(tenant.schema)}.${ident(LEDGER)} where kind in ('applied', 'reverted'))`
        : 'null';
      return [`select ${index} i, (select string_agg(name, chr(30) order by id) from ${home}.${ident(names.tableName)}) h, ${checksums} c`];
    });
    const { rows } = parts.length
      ? await client.query<{ i: number; h: string | null; c: string | null }>(parts.join('\nunion all '))
      : { rows: [] };
    const byIndex = new Map(rows.map((row) => [row.i, row]));
    slice.forEach((tenant, index) => {
      const row = byIndex.get(index);
      const applied =
        exists.get(tenant.schema) === undefined ? undefined : [...new Set((row?.h?.split('\x1e') ?? []).map(withoutExtension))];
      positions.push({ id: tenant.id, applied, checksums: checksumsOf(row?.c ?? null) });
    });
  }
  return positions;
}

function checksumsOf(text: string | null): Record<string, string> {
  const checksums: Record<string, string> = {};
  for (const part of text?.split('\x1e') ?? []) {
    const [migration, kind, checksum] = part.split('\x1f') as [string, string, string];
    if (kind === 'applied') checksums[migration] = checksum;
    else delete checksums[migration];
  }
  return checksums;
}

/** Which of the schemas exist, and which of them have a history and a ledger. */
async function existing(
  client: Client,
  schemas: readonly string[],
  names: HistoryNames,
): Promise<Map<string, { history: boolean; ledger: boolean }>> {
  const home = names.schemaName;
  const { rows } = await client.query<{ nspname: string; history: boolean; ledger: boolean }>(
    `select n.nspname, bool_or(c.relname = $2) ${home === undefined ? '' : 'or to_regclass($4) is not null'} as history, bool_or(c.relname = $3) as ledger
     from pg_namespace n left join pg_class c on c.relnamespace = n.oid and c.relname in ($2, $3) and c.relkind in ('r', 'p')
     where n.nspname = any ($1::name[]) group by 1`,
    [[...new Set(schemas)], names.tableName, LEDGER, ...(home === undefined ? [] : [`${ident(home)}.${ident(names.tableName)}`])],
  );
  return new Map(rows.map((row) => [row.nspname, { history: row.history ?? false, ledger: row.ledger ?? false }]));
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
