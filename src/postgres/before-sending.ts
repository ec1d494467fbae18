/** What a rollback would not take back, and what would hold a large table for too long, is refused before it is sent. */

import { FlotillaError } from '../domain/errors.js';
import { type Attempt, ownSchemas } from './attempt.js';
import type { TenantSession } from './contract.js';
import { BETWEEN, wouldEscape } from './escaped.js';
import type { Hints } from './hints.js';
import { BULK_ROWS, bulkWritesIn, ESTIMATE } from './large-tables.js';
import { ident, literal } from './quote.js';
import { type Name, statementsOf } from './statement.js';
import { coveredByShared } from './walls.js';

const MAY_END = /\b(begin|commit|end|rollback|abort|start|prepare)\b/i;

/** What has committed half of a migration could not be rolled back any more. Savepoints are the migration's own affair. @throws FLT_STRAY_TRANSACTION */
export async function refuseItsOwnEnd(attempt: Attempt, sql: string): Promise<void> {
  if (!MAY_END.test(sql)) return;
  const ends = (await statementsOf(sql))?.find(({ control }) => control && !['savepoint', 'release', 'rollbackTo'].includes(control));
  if (!ends) return;
  const { id } = attempt.input.tenant;
  throw new FlotillaError(
    'FLT_STRAY_TRANSACTION',
    `${id}: ${attempt.inHand} sends ${ends.control!.toUpperCase()} inside the transaction that holds it; the statement was not sent.`,
    { tenant: id, migration: attempt.inHand },
  );
}

/**
 * A sequence keeps what it was set to and gives no number twice, rolled back or not. What hides in a function is found before COMMIT, and
 * stays.
 * @param hints as they stand behind this text
 * @throws FLT_TENANT_ESCAPE
 */
export async function refuseForeignSequences(attempt: Attempt, { client }: TenantSession, sql: string, hints: Hints): Promise<void> {
  const own = ownSchemas(attempt);
  if (own === undefined || !/\b(setval|nextval)\b/i.test(sql)) return;
  const names = (await statementsOf(sql))?.flatMap(({ sequences }) => sequences) ?? [];
  const doubtful = names.filter((name) => !hints.own(name));
  if (doubtful.length === 0) return;
  const { rows } = await client.query<{ name: string }>(
    `select distinct quote_ident(n.nspname) || '.' || quote_ident(c.relname) || ' (ROW EXCLUSIVE)' as name
     from (values ${doubtful.map((it) => `(${literal(asText(it))})`).join(', ')}) s (name)
     join pg_class c on c.oid = to_regclass(s.name) join pg_namespace n on n.oid = c.relnamespace
     where n.nspname <> all (array[${own.map(literal).join(',')}]::name[]) and n.oid <> pg_my_temp_schema()
       and not ${coveredByShared({ shared: attempt.options.shared ?? [] }, 'c.oid', '3')} order by 1`,
  );
  if (rows.length) throw wouldEscape(attempt, rows.map(({ name }) => name).join(BETWEEN));
}

/**
 * A file that exports `flotilla` writes a large table in chunks, or says why not. Plain files are left alone (the plan warns of them): one that
 * went through before goes through here. What hides in a function or a DO block is not seen, and a table that nobody has counted yet is small.
 * @throws FLT_BULK_WRITE
 */
export async function refuseBulkWrites(attempt: Attempt, { client }: TenantSession, sql: string): Promise<void> {
  const { input, inHand } = attempt;
  const goesBackByForce = input.direction === 'down' && input.force;
  const { declares } = attempt.files.get(inHand)!;
  if (declares === undefined || declares.waive?.FLT_BULK_WRITE !== undefined || goesBackByForce) return;
  const names = await bulkWritesIn(sql);
  if (names.length === 0) return;
  const { rows } = await client.query<{ table: string; rows: string }>(
    `select relname as table, n::bigint as rows
     from (values ${names.map((it) => `(to_regclass(${literal(asText(it))}))`).join(', ')}) t (id) join pg_class c on c.oid = t.id,
     lateral (select ${ESTIMATE} n) e
     where n > ${BULK_ROWS} order by n desc limit 1`,
  );
  const [found] = rows;
  if (!found) return;
  const { id } = input.tenant;
  throw new FlotillaError(
    'FLT_BULK_WRITE',
    `${id}: ${inHand} writes to "${found.table}", which holds some ${found.rows} rows, in one statement; the statement was not sent.`,
    { tenant: id, migration: inHand, table: found.table, rows: Number(found.rows) },
  );
}

const asText = ({ schema, name }: Name): string => (schema === undefined ? ident(name) : `${ident(schema)}.${ident(name)}`);
