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
import { custom, type Validation } from './validations.js';

export type { AcrossTablesSpec, Columns, DualWriteSpec, SameRowSpec } from './dual-write/spec.js';

export interface DualWrite {
  /**
   * Puts the triggers in place, in the current schema. An expression that does not fit the tables fails here, not in the application. Waits
   * for writes to the tables that are under way, and holds them back until its transaction ends. Safe to repeat.
   */
  create(knex: Knex): Promise<void>;
  /** Takes them away; other dual writes, and triggers of the application's, stay. Safe to repeat. */
  drop(knex: Knex): Promise<void>;
  /**
   * A check for `flotilla.validate`: every trigger is there, fires for the application's writes and is what the spec says. Declared by a migration
   * before the contract, it is made again right before that.
   */
  readonly inPlace: Validation;
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
    inPlace: custom({
      name: `dual write ${isAcross(spec) ? `${spec.table} → ${spec.into}` : spec.table} (${columnsOf(spec).join(', ')}) in place`,
      sql: `select count(*) filter (where not there) from (values ${triggers.map((trigger) => `(${isThere(trigger)})`).join(', ')}) t(there)`,
    }),
  };
}

const columnsOf = ({ to }: DualWriteSpec): readonly string[] => (typeof to === 'string' ? [to] : Object.keys(to));

/** SQL, a condition. */
const isThere = ({ name, table, when, events, body }: RowTrigger): string =>
  `exists (select from pg_trigger t join pg_class c on c.oid = t.tgrelid
 join pg_namespace n on n.oid = c.relnamespace join pg_proc p on p.oid = t.tgfoid and p.pronamespace = n.oid
 where n.nspname = current_schema() and c.relname = ${literal(table)} and t.tgname = ${literal(name)} and t.tgenabled in ('O', 'A')
 and t.tgtype = ${kindOf(when, events)} and t.tgqual is null and t.tgattr::text = '' and p.proname = ${literal(name)} and btrim(p.prosrc) = btrim(${literal(body)}))`;

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
