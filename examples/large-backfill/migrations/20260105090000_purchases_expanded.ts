import { dualWrite, type FlotillaMigration } from 'flotilla/migration';
import type { Knex } from 'knex';

/** What an order says of its purchase. */
export const asPurchase = {
  customer: "coalesce(nullif(btrim(customer), ''), 'unknown')",
  cents: "round(split_part(total, ' ', 1)::numeric * 100)::bigint",
  currency: "split_part(total, ' ', 2)",
};

/** A row of one table is a row of the other, whichever of the two an application writes. */
export const sync = dualWrite({
  table: 'orders',
  into: 'purchases',
  key: { id: 'id' },
  to: asPurchase,
  back: { customer: 'customer', total: "to_char(cents / 100.0, 'FM999999999990.00') || ' ' || currency" },
  backDeletes: true,
});

/** Looked at again right before the contract. */
export const flotilla = { phase: 'expand', validate: [sync.inPlace] } satisfies FlotillaMigration;

/** Expand: the new table, and in the same transaction what keeps it equal to the old one: no write falls between the two. */
export async function up(knex: Knex): Promise<void> {
  await knex.schema.createTable('purchases', (table) => {
    table.bigInteger('id').primary();
    table.text('customer').notNullable();
    table.bigInteger('cents').notNullable();
    table.specificType('currency', 'char(3)').notNullable();
  });
  await sync.create(knex);
}

export async function down(knex: Knex): Promise<void> {
  await sync.drop(knex);
  await knex.schema.dropTable('purchases');
}
