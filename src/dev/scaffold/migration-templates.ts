/**
 * Texts of new migration files. Each shows one technique in a form that can be taken back exactly: what `down` undoes is what `up` did.
 */

export type Flavour = 'ts' | 'esm' | 'cjs';

export interface Template {
  /** One line for the help text. */
  readonly summary: string;
  /** Bodies of `up` and `down`, indented by two spaces. */
  readonly body: (table: string) => { readonly up: string; readonly down: string; readonly intro?: string };
}

export const TEMPLATES = {
  plain: {
    summary: 'empty up and down',
    body: () => ({
      up: "  await knex.schema.raw('select 1'); // replace with the change",
      down: "  await knex.schema.raw('select 1'); // replace with its exact inverse",
    }),
  },
  'create-table': {
    summary: 'a table with a UUID key, a JSON column, stamps and an index',
    body: (table) => ({
      up: `  await knex.schema.createTable('${table}', (table) => {
    table.uuid('id').primary().defaultTo(knex.raw('gen_random_uuid()'));
    table.text('name').notNullable();
    table.jsonb('settings').notNullable().defaultTo('{}');
    table.timestamps(true, true);
    table.index(['name'], '${table}_name_index');
  });`,
      down: `  await knex.schema.dropTable('${table}');`,
    }),
  },
  'add-columns': {
    summary: 'columns, a backfill by age, the index after it',
    body: (table) => ({
      intro:
        'The backfill is one statement in one transaction, which suits up to some 100,000 rows per tenant.\nThe index comes after it, so that the rows are not written through it.',
      up: `  await knex.schema.alterTable('${table}', (table) => {
    table.text('status').notNullable().defaultTo('active');
    table.timestamp('archived_at');
  });
  await knex('${table}')
    .where('created_at', '<', knex.raw("now() - interval '1 year'"))
    .update({ status: 'archived', archived_at: knex.fn.now() });
  await knex.schema.alterTable('${table}', (table) => {
    table.index(['status'], '${table}_status_index');
  });`,
      down: `  await knex.schema.alterTable('${table}', (table) => {
    table.dropIndex(['status'], '${table}_status_index');
  });
  await knex.schema.alterTable('${table}', (table) => {
    table.dropColumn('status');
    table.dropColumn('archived_at');
  });`,
    }),
  },
  'move-data': {
    summary: 'columns of one table folded into JSON rows of another',
    body: (table) => ({
      intro:
        'One row per user that has something to move; a column that was null stays out of the JSON, so that down brings back null and not a default.\nThe old columns stay: drop them in a later migration, once no reader is left.',
      up: `  await knex.schema.createTable('${table}', (table) => {
    table.uuid('user_id').primary().references('id').inTable('users').onDelete('CASCADE');
    table.jsonb('settings').notNullable().defaultTo('{}');
  });
  const moved = await knex.raw(\`
    insert into ${table} (user_id, settings)
    select id, jsonb_strip_nulls(jsonb_build_object('theme', theme, 'language', language))
    from users where theme is not null or language is not null\`);
  console.log(\`\${moved.rowCount} rows moved\`);`,
      down: `  await knex.raw(\`
    update users u set theme = p.settings ->> 'theme', language = p.settings ->> 'language'
    from ${table} p where p.user_id = u.id\`);
  await knex.schema.dropTable('${table}');`,
    }),
  },
} as const satisfies Record<string, Template>;

export type TemplateName = keyof typeof TEMPLATES;
export const isTemplate = (name: string): name is TemplateName => Object.hasOwn(TEMPLATES, name);

const OPENING: Record<Flavour, (direction: 'up' | 'down') => string> = {
  ts: (direction) => `export async function ${direction}(knex: Knex): Promise<void> {`,
  esm: (direction) => `export async function ${direction}(knex) {`,
  cjs: (direction) => `exports.${direction} = async (knex) => {`,
};

/** The whole text of a migration file. */
export function migrationSource(name: TemplateName, table: string, flavour: Flavour): string {
  const { up, down, intro }: ReturnType<Template['body']> = TEMPLATES[name].body(table);
  const end = flavour === 'cjs' ? '};' : '}';
  const head = [
    ...(flavour === 'ts' ? ["import type { Knex } from 'knex';", ''] : []),
    ...(intro ? intro.split('\n').map((l) => `// ${l}`) : []),
  ];
  if (intro) head.push('');
  const open = OPENING[flavour];
  return `${[...head, open('up'), up, end, '', open('down'), down, end].join('\n')}\n`;
}

/** `create_user_preferences` is about the table `user_preferences`; a name that says nothing is taken whole. */
export const tableFromName = (name: string): string => name.replace(/^(create|add|alter|move|fold)_/, '').replace(/^.*_(to|into)_/, '');
