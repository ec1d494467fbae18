import { dualWrite, type FlotillaMigration } from 'flotilla/migration';
import type { Knex } from 'knex';

/** A name becomes two columns; old and new code write what they know, and read what the other wrote. */
export const names = dualWrite({
  table: 'members',
  from: 'name',
  to: { given_name: "split_part(name, ' ', 1)", family_name: "nullif(substr(name, strpos(name || ' ', ' ') + 1), '')" },
  back: { name: "concat_ws(' ', given_name, family_name)" },
});

/** A column of a wider type, under a name that no code ever knows. */
export const numbers = dualWrite({ table: 'members', from: 'number', to: { number_next: 'number' } });

/** Both are looked at again right before the contract. */
export const flotilla = { phase: 'expand', validate: [names.inPlace, numbers.inPlace] } satisfies FlotillaMigration;

/** Expand: the new columns, and what keeps them equal to the old ones, in one transaction: no write falls between the two. */
export async function up(knex: Knex): Promise<void> {
  await knex.schema.alterTable('members', (table) => {
    table.text('given_name');
    table.text('family_name');
    table.bigInteger('number_next');
  });
  await names.create(knex);
  await numbers.create(knex);
}

export async function down(knex: Knex): Promise<void> {
  await numbers.drop(knex);
  await names.drop(knex);
  await knex.schema.alterTable('members', (table) => table.dropColumns('given_name', 'family_name', 'number_next'));
}
