import { addUniqueUsingIndex, custom, type FlotillaMigration, setNotNullSafely, uniqueConstraint } from 'flotilla/migration';
import type { Knex } from 'knex';

const unique = { table: 'members', name: 'members_number_next_key', columns: ['number_next'] };

export const config = { transaction: false };
export const flotilla = {
  phase: 'constrain',
  after: ['20260112090000_members_filled'],
  validate: [
    uniqueConstraint(unique),
    // Made again right before the contract: the last look at both sides
    custom({
      name: 'old and new columns agree',
      sql: "select count(*) from members where number_next <> number or name <> concat_ws(' ', given_name, family_name)",
    }),
  ],
} satisfies FlotillaMigration;

/** Constrain: what held for the old columns holds for the new ones. Only now, for rows that are not filled would break it. */
export async function up(knex: Knex): Promise<void> {
  await setNotNullSafely(knex, { table: 'members', column: 'given_name' });
  await setNotNullSafely(knex, { table: 'members', column: 'number_next' });
  await addUniqueUsingIndex(knex, unique);
}

export async function down(knex: Knex): Promise<void> {
  await knex.schema.alterTable('members', (table) => table.dropUnique(unique.columns, unique.name));
  await knex.schema.alterTable('members', (table) => {
    table.setNullable('number_next');
    table.setNullable('given_name');
  });
}
