/**
 * What the catalog says of a statement that runs outside a transaction and may have been cut off anywhere: has it happened, has it not, or is
 * something half-built in its place?
 */

import type { Client } from 'pg';
import { deparse } from 'pgsql-deparser';
import { ident, literal } from '../quote.js';
import type { Bare, Name } from '../statement.js';

/** As SQL text. */
export const qualified = ({ schema, name }: Name): string => (schema === undefined ? ident(name) : `${ident(schema)}.${ident(name)}`);

export interface Index {
  readonly schema: string;
  readonly name: string;
  /** Valid and ready: what a query plan may use. */
  readonly usable: boolean;
  /** Another session is building it at this moment. */
  readonly building: boolean;
  /** As the server prints it. */
  readonly definition: string;
}

const INDEX = `select n.nspname as schema, c.relname as name, coalesce(i.indisvalid and i.indisready, false) as usable,
  exists (select from pg_stat_progress_create_index p where p.index_relid = c.oid and p.pid <> pg_backend_pid()) as building,
  coalesce(pg_get_indexdef(i.indexrelid), format('%I, which is no index', c.relname)) as definition,
  quote_ident(c.relname) as "quotedName", quote_ident(tn.nspname) || '.' || quote_ident(t.relname) as "quotedTable", t.oid::text as "tableId"
  from pg_class c join pg_namespace n on n.oid = c.relnamespace left join pg_index i on i.indexrelid = c.oid
  left join pg_class t on t.oid = i.indrelid left join pg_namespace tn on tn.oid = t.relnamespace`;

interface IndexRow extends Index {
  readonly quotedName: string;
  readonly quotedTable: string | null;
  readonly tableId: string | null;
}

/** A definition without the names of index and table. */
const withoutNames = (definition: string, index: string, table: string | null): string =>
  definition.replace(` INDEX ${index} ON ONLY `, ` INDEX ${index} ON `).replace(` INDEX ${index} ON ${table} USING `, ' INDEX USING ');

/**
 * What stands where CREATE INDEX CONCURRENTLY would build: nothing; an index of the wanted definition; or, under the wanted name, something
 * else. An index without a name is looked for by its definition, and only when an earlier attempt has begun it.
 */
export async function probeIndex(
  client: Client,
  { index, table, tree }: Extract<Bare, { what: 'createIndex' }>,
  begunBefore: boolean,
): Promise<{ readonly found?: Index; readonly other?: { readonly found: string; readonly wanted: string } }> {
  if (index === undefined && !begunBefore) return {};
  const at = `to_regclass(${literal(qualified(table))})`;
  const { rows } = await client.query<IndexRow & { wantedTableId: string }>(
    `select f.*, ${at}::oid::text as "wantedTableId" from (${INDEX} ${
      index === undefined
        ? `where i.indrelid = ${at}`
        : `where c.relname = ${literal(index)} and c.relnamespace = (select relnamespace from pg_class where oid = ${at})`
    }) f`,
  );
  if (rows.length === 0) return {};
  const wanted = await wantedDefinition(client, table, tree);
  const same = rows.find(
    (row) => row.tableId === row.wantedTableId && withoutNames(row.definition, row.quotedName, row.quotedTable) === wanted,
  );
  if (same) return { found: same };
  if (index === undefined) return {};
  return {
    other: { found: rows[0]!.definition, wanted: wanted.replace(' INDEX USING ', ` INDEX ${ident(index)} ON ${qualified(table)} USING `) },
  };
}

/** What the wanted index is called for a moment, and the empty table of the same shape that it is built on. */
const SHAPE = { index: 'flotilla_shape_index', table: 'flotilla_shape' };

/** Has the server print the wanted index as it would print the real one: built on an empty table of the same shape, and rolled back. */
async function wantedDefinition(client: Client, table: Name, tree: Extract<Bare, { what: 'createIndex' }>['tree']): Promise<string> {
  const stmt = {
    IndexStmt: {
      ...tree,
      concurrent: false,
      if_not_exists: false,
      idxname: SHAPE.index,
      relation: { schemaname: 'pg_temp', relname: SHAPE.table, inh: true, relpersistence: 't' },
    },
  };
  const sql = await deparse({ version: 180000, stmts: [{ stmt }] } as Parameters<typeof deparse>[0]);
  try {
    await client.query(`begin; create temp table ${SHAPE.table} (like ${qualified(table)})`);
    await client.query(sql);
    const { rows } = await client.query<IndexRow>(`${INDEX} where i.indrelid = 'pg_temp.${SHAPE.table}'::regclass`);
    const { definition, quotedName, quotedTable } = rows[0]!;
    // Depending on its version the server calls the schema by its own name or by its alias
    return withoutNames(withoutNames(definition, quotedName, quotedTable), quotedName, `pg_temp.${SHAPE.table}`);
  } finally {
    await client.query('rollback');
  }
}

/** Whether the index is there at all. */
export async function indexExists(client: Client, index: Name): Promise<boolean> {
  const { rows } = await client.query<{ there: boolean }>(`select to_regclass(${literal(qualified(index))}) is not null as there`);
  return rows[0]!.there;
}

/** Half-built and left-over indexes that a cut-off REINDEX CONCURRENTLY leaves beside those it rebuilds, of the table and of its TOAST table. */
export async function reindexLeftovers(client: Client, name: Name): Promise<readonly Index[]> {
  const { rows } = await client.query<Index>(
    `${INDEX} where not i.indisvalid and c.relname ~ '_cc(new|old)[0-9]*$' and i.indrelid in (
       select unnest(array[t.oid, nullif(t.reltoastrelid, 0)]) from pg_class t
       where t.oid = coalesce((select indrelid from pg_index where indexrelid = to_regclass(${literal(qualified(name))})), to_regclass(${literal(qualified(name))})))`,
  );
  return rows;
}

/** How far DETACH PARTITION CONCURRENTLY has come. */
export async function partitionState(client: Client, parent: Name, partition: Name): Promise<'attached' | 'pending' | 'detached'> {
  const { rows } = await client.query<{ pending: boolean }>(
    `select inhdetachpending as pending from pg_inherits where inhrelid = to_regclass(${literal(qualified(partition))}) and inhparent = to_regclass(${literal(qualified(parent))})`,
  );
  return rows.length === 0 ? 'detached' : rows[0]!.pending ? 'pending' : 'attached';
}

/** Schema in which a name is found, or would be; undefined when it is not there. */
export async function homeOf(client: Client, name: Name): Promise<string | undefined> {
  const { rows } = await client.query<{ schema: string }>(
    `select n.nspname as schema from pg_class c join pg_namespace n on n.oid = c.relnamespace where c.oid = to_regclass(${literal(qualified(name))})`,
  );
  return rows[0]?.schema;
}
