/** Data in motion: docs/migrations/backfill.md and dual-write.md. */

import type { Template, TemplateText } from './template.js';

export const backfill: Template = {
  summary: 'a column filled in chunks, while the application goes on',
  text: (table) => ({
    intro: 'The column comes in an earlier migration, with a dual write if the application does not fill new rows itself.',
    imports: ['backfill', 'nullCount'],
    outside: true,
    shared: `const fill = backfill({
  table: '${table}',
  set: { full_name: "concat_ws(' ', first_name, last_name)" },
  where: 'full_name is null',
});`,
    declares: `{
  backfill: fill,
  validate: [nullCount({ table: '${table}', column: 'full_name' })],
}`,
    up: '  await fill.up(knex);',
    down: '  await knex.raw("select 1"); // what it filled goes with the column',
  }),
};

/** "full_name", kept equal by `sync`. */
export const columnBeside = (table: string): Required<Pick<TemplateText, 'up' | 'down'>> => ({
  up: `  await knex.schema.alterTable('${table}', (table) => {
    table.text('full_name');
  });
  await sync.create(knex);`,
  down: `  await sync.drop(knex);
  await knex.schema.alterTable('${table}', (table) => {
    table.dropColumn('full_name');
  });`,
});

export const dualWrite: Template = {
  summary: 'a new column beside an old one, kept equal by a trigger',
  text: (table) => ({
    intro: 'Fill the rows from before in a later migration (--template backfill), and drop both in the one that takes the old column away.',
    imports: ['dualWrite'],
    shared: `const sync = dualWrite({ table: '${table}', from: 'name', to: 'full_name' });`,
    ...columnBeside(table),
  }),
};
