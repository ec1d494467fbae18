/** Data in motion: docs/migrations/backfill.md, dual-write.md and validation.md. */

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

export const validation: Template = {
  summary: 'rows moved into a table, with checks of what must hold then',
  text: (table) => ({
    intro:
      'The checks are made in each tenant at the end of up: where one does not pass, all is taken back there, and the numbers are told.',
    imports: ['custom', 'noOrphans', 'nullCount', 'sameContent', 'sameCount', 'uniqueConstraint'],
    shared: `// Only some users have a nickname: the filter says which rows are expected on the other side
const moved = 'nickname is not null';`,
    declares: `{
  validate: [
    sameCount({ source: { table: 'users', where: moved }, target: { table: '${table}' } }),
    sameContent({
      source: { table: 'users', columns: ['id', 'nickname'], key: ['id'], where: moved },
      target: { table: '${table}', columns: ['user_id', 'nickname'], key: ['user_id'] },
    }),
    noOrphans({ table: '${table}', columns: ['user_id'], references: { table: 'users', columns: ['id'] } }),
    uniqueConstraint({ table: '${table}', columns: ['user_id'] }),
    nullCount({ table: '${table}', column: 'nickname' }),
    custom({ name: 'no nickname is blank', sql: \`select count(*) from "${table}" where btrim(nickname) = ''\` }),
  ],
}`,
    up: `  await knex.schema.createTable('${table}', (table) => {
    table.uuid('user_id').primary();
    table.text('nickname');
  });
  await knex.raw(\`insert into ?? (user_id, nickname) select id, nickname from users where \${moved}\`, ['${table}']);`,
    down: `  await knex.schema.dropTable('${table}');`,
  }),
};
