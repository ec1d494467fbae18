/** The guide's case: preferences move out of `users` into a table of their own. Plain JavaScript, so that Knex alone can load it too. */

export const seed = `create table users (id uuid primary key default gen_random_uuid(), email text not null, theme text, locale text);
  insert into users (email, theme, locale) select 'u' || i || '@example.org', 'dark', 'de' from generate_series(1, 20) i;`;

export const userPreferences = `
exports.up = async (knex) => {
  await knex.schema.createTable('user_preferences', (table) => {
    table.uuid('id').primary().defaultTo(knex.raw('gen_random_uuid()'));
    table.uuid('user_id').notNullable().unique().references('id').inTable('users').onDelete('CASCADE');
    table.jsonb('settings').notNullable().defaultTo('{}');
    table.timestamps(true, true);
  });
  await knex.raw(\`insert into user_preferences (user_id, settings)
    select id, jsonb_strip_nulls(jsonb_build_object('theme', theme, 'locale', locale)) from users\`);
  await knex.raw("create index user_preferences_theme_index on user_preferences ((settings ->> 'theme'))");
};
exports.down = (knex) => knex.schema.dropTable('user_preferences');
`;
