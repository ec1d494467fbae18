/** Sources of small migrations for end-to-end tests. */

export const createNotes = `
exports.up = (knex) => knex.schema.createTable('notes', (t) => { t.increments('id'); t.text('body').notNullable().defaultTo(''); });
exports.down = (knex) => knex.schema.dropTable('notes');
`;

export const addTitle = `
exports.up = (knex) => knex.schema.alterTable('notes', (t) => { t.text('title'); });
exports.down = (knex) => knex.schema.alterTable('notes', (t) => { t.dropColumn('title'); });
`;

/** Fails where a table "poison" exists; otherwise adds a table. */
export const failsWherePoisoned = `
exports.up = async (knex) => {
  await knex.schema.createTable('extras', (t) => { t.increments('id'); });
  if (await knex.schema.hasTable('poison')) await knex.raw('insert into poison values (1), (1)');
};
exports.down = (knex) => knex.schema.dropTable('extras');
`;

/** Takes a while in the database, so that a rollout can be caught in the middle. */
export const slow = (seconds: number) => `
exports.up = async (knex) => {
  await knex.raw('select pg_sleep(${seconds})');
  await knex.schema.createTable('slow_table', (t) => { t.increments('id'); });
};
exports.down = (knex) => knex.schema.dropTable('slow_table');
`;

/** Waits until \`public.gate.open\` is true in the same database. */
export const waitsAtGate = `
exports.up = async (knex) => {
  while (!(await knex.raw('select open from public.gate')).rows[0].open) await new Promise((done) => setTimeout(done, 20));
  await knex.schema.createTable('gated', (t) => { t.increments('id'); });
};
exports.down = (knex) => knex.schema.dropTable('gated');
`;
