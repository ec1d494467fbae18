/** A change in phases, of four files: docs/migrations/zero-downtime.md. */

import { columnBeside } from './data.js';
import type { TemplateInParts, TemplateText } from './template.js';

export const zeroDowntime: TemplateInParts = {
  summary: 'a column that changes its form under old and new code: four files, in phases',
  parts: ['expanded', 'filled', 'constrained', 'contracted'],
  first: 3,
  texts: (table, [expanded, filled, constrained]) => [
    expand(table),
    fill(table, expanded!),
    constrain(table, filled!),
    contract(table, expanded!, constrained!),
  ],
};

const expand = (table: string): TemplateText => ({
  intro: `Expand, the first of four files: "full_name" beside "name", and what keeps them equal, in one transaction.
Old and new code go on: whoever writes one of them writes both.`,
  imports: ['dualWrite'],
  offers: { name: 'sync', value: `dualWrite({ table: '${table}', from: 'name', to: 'full_name' })` },
  declares: "{ phase: 'expand', validate: [sync.inPlace] }",
  ...columnBeside(table),
});

const fill = (table: string, expanded: string): TemplateText => ({
  intro: `Backfill: the rows from before, by the expressions of the dual write.
A row that gets null fails it in its tenant: say here what such a row becomes.`,
  imports: ['backfill', 'nullCount'],
  outside: true,
  shared: `const fill = backfill({ table: '${table}', set: { full_name: 'name' } });`,
  declares: `{
  phase: 'backfill',
  after: ['${expanded}'],
  backfill: fill,
  validate: [nullCount({ table: '${table}', column: 'full_name' })],
}`,
  up: '  await fill.up(knex);',
  down: '  await knex.raw("select 1"); // what it filled goes with the column',
});

const constrain = (table: string, filled: string): TemplateText => ({
  intro: 'Constrain: the new column becomes as strict as it has to be. Its checks are made again right before the contract.',
  imports: ['custom', 'setNotNullSafely'],
  outside: true,
  declares: `{
  phase: 'constrain',
  after: ['${filled}'],
  validate: [
    custom({
      name: 'old and new column agree',
      sql: 'select count(*) from "${table}" where full_name is distinct from name',
    }),
  ],
}`,
  up: `  await setNotNullSafely(knex, { table: '${table}', column: 'full_name' });`,
  down: `  await knex.schema.alterTable('${table}', (table) => {
    table.setNullable('full_name');
  });`,
});

const contract = (table: string, expanded: string, constrained: string): TemplateText => ({
  intro: `Contract, in a later rollout, once no code that runs knows "name". "bake" is the least that has to pass before it;
"flags" and "appVersion" hold it back until code has changed over. Its own check asks only the catalog: the table is locked meanwhile.`,
  imports: ['custom'],
  takes: { name: 'sync', from: expanded },
  declares: `{
  phase: 'contract',
  after: ['${constrained}'],
  bake: '7d',
  validate: [
    custom({
      name: 'full_name is NOT NULL',
      sql: \`select count(*) from pg_attribute where attrelid = '"${table}"'::regclass and attname = 'full_name' and attnotnull\`,
      expect: 1,
    }),
  ],
}`,
  up: `  await sync.drop(knex);
  await knex.schema.alterTable('${table}', (table) => {
    table.dropColumn('name');
  });`,
  down: `  await knex.schema.alterTable('${table}', (table) => {
    table.text('name');
  });
  await knex('${table}').update({ name: knex.ref('full_name') });
  await sync.create(knex);`,
});
