/**
 * Old and new place of a value kept equal while old and new code run side by side: triggers of the tenant's own schema carry each write over.
 * Between expand and contract; `docs/migrations/dual-write.md` has a whole change.
 */

import type { Knex } from 'knex';
import { dollarQuoted, ident, literal } from '../postgres/quote.js';
import { acrossTriggers } from './dual-write/across-tables.js';
import { sameRowTrigger } from './dual-write/same-row.js';
import { assertSpec, type DualWriteSpec, isAcross } from './dual-write/spec.js';
import type { RowTrigger } from './dual-write/trigger.js';
import { run } from './run.js';

export type { AcrossTablesSpec, Columns, DualWriteSpec, SameRowSpec } from './dual-write/spec.js';

export interface DualWrite {
  /**
   * Puts the triggers in place, in the current schema. An expression that does not fit the tables fails here, not in the application. Waits
   * for writes to the tables that are under way, and holds them back until its transaction ends. Safe to repeat.
   */
  create(knex: Knex): Promise<void>;
  /** Takes them away; other dual writes, and triggers of the application's, stay. Safe to repeat. */
  drop(knex: Knex): Promise<void>;
}

/**
 * Describes a dual write; nothing is sent. SQL in the spec is sent as it is, names are quoted. What a trigger does runs with the rights of
 * whoever writes to the table.
 * @throws FLT_MIGRATION_INVALID with all mistakes of the spec
 */
export function dualWrite(spec: DualWriteSpec): DualWrite {
  const triggers = triggersOf(spec);
  return {
    async create(knex) {
      const path = await currentPath(knex);
      const [schema] = path;
      for (const proof of triggers.flatMap((trigger) => trigger.proofs)) await run(knex, proof);
      for (const { name, table, when, events, body } of triggers) {
        const further = [...path.slice(1).map(ident), 'pg_temp'].join(', ');
        const inSchema = (object: string) => [...(schema === undefined ? [] : [schema]), object].map(ident).join('.');
        await run(
          knex,
          `create or replace function ${inSchema(name)}() returns trigger language plpgsql set search_path to ${further} as ${dollarQuoted(body)}`,
        );
        await run(
          knex,
          `create or replace trigger ${ident(name)} ${when} ${events.join(' or ')} on ${inSchema(table)} for each row execute function ${inSchema(name)}()`,
        );
      }
    },
    async drop(knex) {
      const [schema] = await currentPath(knex);
      if (schema === undefined) return;
      // With its trigger, whatever the table is called by now
      for (const { name } of triggers) await run(knex, `drop function if exists ${ident(schema)}.${ident(name)}() cascade`);
    },
  };
}

/**
 * SQL, a condition: in this schema every trigger of the dual write exists, fires for the application's writes and is what the spec says.
 * @throws FLT_MIGRATION_INVALID
 */
export const dualWriteInPlace = (spec: DualWriteSpec, schema: string): string =>
  `(${triggersOf(spec)
    .map(
      ({ name, table, when, events, body }) => `exists (select from pg_trigger t join pg_class c on c.oid = t.tgrelid
 join pg_namespace n on n.oid = c.relnamespace join pg_proc p on p.oid = t.tgfoid and p.pronamespace = n.oid
 where n.nspname = ${literal(schema)} and c.relname = ${literal(table)} and t.tgname = ${literal(name)} and t.tgenabled in ('O', 'A')
 and t.tgtype = ${kindOf(when, events)} and t.tgqual is null and t.tgattr::text = '' and p.proname = ${literal(name)} and btrim(p.prosrc) = btrim(${literal(body)}))`,
    )
    .join(' and ')})`;

function triggersOf(spec: DualWriteSpec): readonly RowTrigger[] {
  assertSpec(spec);
  return isAcross(spec) ? acrossTriggers(spec) : [sameRowTrigger(spec)];
}

/** The schema that objects are created in, and what else is searched: extensions, as a rule. */
async function currentPath(knex: Knex): Promise<readonly string[]> {
  const { rows } = await run(knex, 'select current_schemas(false)::text[] as path');
  return rows[0]!.path as string[];
}

/** `pg_trigger.tgtype`: https://github.com/postgres/postgres/blob/REL_18_STABLE/src/include/catalog/pg_trigger.h */
const BIT = { row: 1, before: 2, insert: 4, delete: 8, update: 16 };
const kindOf = (when: RowTrigger['when'], events: RowTrigger['events']): number =>
  events.reduce((bits, event) => bits | BIT[event], BIT.row | (when === 'before' ? BIT.before : 0));
