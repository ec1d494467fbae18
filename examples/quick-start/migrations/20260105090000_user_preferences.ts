import type { Knex } from 'knex';

/**
 * Preferences move out of `users` into a table of their own, as one JSON document per user. The old columns stay until nothing reads them
 * any more; dropping them is a migration of its own.
 */
export async function up(knex: Knex): Promise<void> {
  await knex.schema.createTable('user_preferences', (table) => {
    table.uuid('id').primary().defaultTo(knex.raw('gen_random_uuid()'));
    // unique: filling the table twice cannot double a user's preferences
    table.uuid('user_id').notNullable().unique().references('id').inTable('users').onDelete('CASCADE');
    table.jsonb('settings').notNullable().defaultTo('{}');
    table.timestamps(true, true);
    table.check(`settings ->> 'theme' in ('light', 'dark', 'system')`, [], 'user_preferences_theme_check');
  });

  // One statement for all rows. A column that is null stays out of the document, so that `down` brings back null and not a default.
  await knex.raw(`
    insert into user_preferences (user_id, settings)
    select id, jsonb_strip_nulls(jsonb_build_object('theme', theme, 'locale', locale, 'fontSize', font_size))
    from users
    where theme is not null or locale is not null or font_size is not null`);

  await knex.raw(`create index user_preferences_theme_index on user_preferences ((settings ->> 'theme'))`);
}

/** Every user gets the values back that the document holds, in the types that the columns have; then the table goes. */
export async function down(knex: Knex): Promise<void> {
  if (!(await knex.schema.hasTable('user_preferences'))) return;
  await knex.raw(`
    update users
    set theme = p.settings ->> 'theme', locale = p.settings ->> 'locale', font_size = (p.settings ->> 'fontSize')::integer
    from user_preferences p
    where p.user_id = users.id`);
  await knex.schema.dropTable('user_preferences');
}
