/**
 * Old and new columns of one row: a side that a statement has left alone takes over what it wrote to the other. Where it wrote to both, the
 * application knows both.
 */

import { ident, literal } from '../../postgres/quote.js';
import type { Columns, SameRowSpec } from './spec.js';
import { asRowOf, backIsOpen, columnsDiffer, fields, type RowTrigger, triggerBody, triggerName, values } from './trigger.js';

export function sameRowTrigger(spec: SameRowSpec): RowTrigger {
  const { table } = spec;
  const { from, to, back } = sides(spec);
  const news = Object.keys(to);
  // Of the old ones, those that the new ones may change
  const olds = back ? Object.keys(back) : from;
  const said = (record: string, columns: Columns) =>
    `select ${values(columns)} into ${fields(record, Object.keys(columns))} from ${asRowOf(table, 'new.*')};`;
  // A row that says the same on both sides already is left alone: a backfill by the same expressions needs no inverse
  const ifTheyDisagree = (then: string) => `agreed := new;
    ${said('agreed', to)}
    if ${columnsDiffer(news, 'agreed', 'new')} then
      ${then}
    end if;`;
  const body = triggerBody(
    'goes_forth boolean := false; goes_back boolean := false; agreed record;',
    `
  if tg_op = 'UPDATE' then
    if ${columnsDiffer(news, 'old', 'new')} then
      goes_back := not ${columnsDiffer(olds, 'old', 'new')};
    else
      goes_forth := ${columnsDiffer(from, 'old', 'new')};
    end if;
  elsif num_nonnulls(${fields('new', news)}) = 0 then
    goes_forth := true;
  elsif num_nonnulls(${fields('new', olds)}) = 0 then
    goes_back := true;
  else
    ${ifTheyDisagree(`${atDefault(news, 'goes_forth')}
      if not goes_forth then
        ${atDefault(olds, 'goes_back')}
      end if;`)}
  end if;
  if goes_forth then
    ${said('new', to)}
  ${back ? `elsif goes_back and ${backIsOpen} then\n    ${ifTheyDisagree(said('new', back))}\n  ` : ''}end if;
  return new;`,
  );
  const plan = (columns: Columns) =>
    `explain update ${ident(table)} set ${Object.entries(columns).map(([column, sql]) => `${ident(column)} = (${sql})`)}`;
  return {
    table,
    name: triggerName('before', table, spec.name ?? news.join('_')),
    when: 'before',
    events: ['insert', 'update'],
    body,
    proofs: [to, ...(back ? [back] : [])].map(plan),
  };
}

interface Sides {
  readonly from: readonly string[];
  readonly to: Columns;
  readonly back: Columns | undefined;
}

function sides({ from, to, back }: SameRowSpec): Sides {
  const olds = typeof from === 'string' ? [from] : from;
  return typeof to === 'string' ? { from: olds, to: { [to]: ident(olds[0]!) }, back: { [olds[0]!]: ident(to) } } : { from: olds, to, back };
}

/**
 * Sets a variable to whether each of the columns holds null or its default. Read from the catalog as it is now, and only where both sides hold
 * something. What a volatile default gave (a sequence, a random id) cannot be told from what somebody wrote.
 */
const atDefault = (columns: readonly string[], variable: string): string => `execute (
      select 'select ' || string_agg(format(case when d.oid is null or volatile then '($1).%1$I is not distinct from null'
          else '(($1).%1$I is not distinct from null or row(($1).%1$I)::record *= row((%2$s)::%3$s)::record)' end,
        a.attname, pg_get_expr(d.adbin, d.adrelid), format_type(a.atttypid, a.atttypmod)), ' and ')
      from pg_attribute a left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum,
        lateral (select exists (select from regexp_matches(d.adbin::text, ':(funcid|opfuncid) ([0-9]+)', 'g') called
          join pg_proc p on p.oid = called[2]::oid where p.provolatile = 'v') as volatile) called
      where a.attrelid = tg_relid and a.attname in (${columns.map(literal).join(', ')})) into ${variable} using new;`;
