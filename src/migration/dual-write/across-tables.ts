/**
 * Each row of one table kept as a row of another. Both directions are the same function with the sides exchanged.
 *
 * Nothing here asks how deep triggers are nested: what the application's own triggers write would get lost. A write is carried when it changed
 * what the row says of the other side, and not when the other side, by the inverse, says the same already: then it came from there. So an echo
 * ends by itself, also where the inverse is not exact.
 */

import { ident } from '../../postgres/quote.js';
import type { AcrossTablesSpec, Columns } from './spec.js';
import { asRowOf, backIsOpen, columnsDiffer, differ, fields, type RowTrigger, triggerBody, triggerName, values } from './trigger.js';

export function acrossTriggers(spec: AcrossTablesSpec): readonly RowTrigger[] {
  const { table, into, to, back } = spec;
  const key = Object.entries(spec.key);
  const name = spec.name ?? '';
  const forth = carry({
    here: table,
    there: into,
    key: key.map(([there, here]) => ({ here, there })),
    says: to,
    inverse: back,
    deletes: true,
  });
  const triggers: RowTrigger[] = [{ ...forth, name: triggerName('after', table, into, name, 'forth') }];
  if (back) {
    const backwards = key.map(([here, there]) => ({ here, there }));
    const deletes = spec.backDeletes ?? false;
    const other = carry({ here: into, there: table, key: backwards, says: back, inverse: to, deletes, onlyIf: backIsOpen });
    triggers.push({ ...other, name: triggerName('after', into, table, name, 'back') });
  }
  return triggers;
}

interface Direction {
  readonly here: string;
  readonly there: string;
  readonly key: readonly { readonly here: string; readonly there: string }[];
  /** Columns there, over the row here. */
  readonly says: Columns;
  /** Columns here, over the row there. */
  readonly inverse: Columns | undefined;
  readonly deletes: boolean;
  /** A condition. */
  readonly onlyIf?: string;
}

function carry({ here, there, key, says, inverse, deletes, onlyIf }: Direction): Omit<RowTrigger, 'name'> {
  const keyHere = key.map((it) => it.here);
  const keyThere = key.map((it) => it.there);
  const columns = Object.keys(says);
  const on = (side: 'here' | 'there', record: 'old' | 'new', alias = 'it') =>
    key.map((it) => `${alias}.${ident(it[side])} = ${record}.${ident(it.here)}`).join(' and ');
  const rowHere = asRowOf(here, `it.* from ${ident(here)} as it where ${on('here', 'new')}`);
  const rowThere = asRowOf(there, `it.* from ${ident(there)} as it where ${on('there', 'new')}`);
  const saidBy = (record: string) => `(select row(${values(says)}) from ${asRowOf(here, `${record}.*`)})`;

  // The row as it stands now, not as the event has it: a trigger of the application's may have written again in between
  const upsert = (from: string) => `insert into ${ident(there)} as target (${[...keyThere, ...columns].map(ident).join(', ')})
    overriding system value select ${fields(ident(here), keyHere)}, ${values(says)} from ${from}
    on conflict (${keyThere.map(ident).join(', ')}) do update set ${columns.map((it) => `${ident(it)} = excluded.${ident(it)}`).join(', ')}
    where ${columnsDiffer(columns, 'target', 'excluded')}`;

  // The row of the old key goes along, with what only it holds. Where it cannot, for rows exchange their keys, each takes over what is carried
  const leave = `if exists (select from ${ident(here)} as it where ${on('here', 'old')}) then
      went_along := false;
    else
      if tg_op = 'UPDATE' then
        update ${ident(there)} as it set ${key.map((it) => `${ident(it.there)} = new.${ident(it.here)}`).join(', ')}
        where ${on('there', 'old')} and not exists (select from ${ident(there)} as other where ${on('there', 'new', 'other')});
        went_along := not exists (select from ${ident(there)} as it where ${on('there', 'old')});
      end if;
      ${deletes ? `delete from ${ident(there)} as it where ${on('there', 'old')};` : ''}
    end if;`;

  const cameFromThere = (back: Columns) => `if exists (select from ${ident(there)} as it where ${on('there', 'new')}) then
    select ${values(back)} into ${fields('base', Object.keys(back))} from ${rowThere};
    if not ${differ(saidBy('base'), saidBy('new'))} then
      return null;
    end if;
  end if;`;

  const body = triggerBody(
    `base record; leaves_key boolean := tg_op = 'DELETE'; went_along boolean := true;`,
    `${onlyIf ? `  if not (${onlyIf}) then\n    return null;\n  end if;` : ''}
  if tg_op = 'UPDATE' then
    leaves_key := ${columnsDiffer(keyHere, 'old', 'new')};
  end if;
  if leaves_key then
    ${leave}
  end if;
  if tg_op = 'DELETE' then
    return null;
  elsif tg_op = 'INSERT' then
    base := new;
  else
    base := old;
    if went_along and not ${differ(saidBy('base'), saidBy('new'))} then
      return null;
    end if;
  end if;
  ${inverse ? cameFromThere(inverse) : ''}
  ${upsert(rowHere)};
  return null;`,
  );
  return {
    table: here,
    when: 'after',
    events: deletes ? ['insert', 'update', 'delete'] : ['insert', 'update'],
    body,
    proofs: [`explain ${upsert(ident(here))}`],
  };
}
