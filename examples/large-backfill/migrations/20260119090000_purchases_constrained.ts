import {
  addCheckNotValid,
  constraintValid,
  createIndexConcurrently,
  dropIndexConcurrently,
  type FlotillaMigration,
  index,
  sameContent,
  validateConstraint,
} from 'flotilla/migration';
import type { Knex } from 'knex';

const byCustomer = { table: 'purchases', columns: ['customer'], name: 'purchases_customer_idx' };
const positive = { table: 'purchases', name: 'purchases_cents_check' };
const cents = { expression: "round(split_part(total, ' ', 1)::numeric * 100)::bigint" };

export const config = { transaction: false };
export const flotilla = {
  phase: 'constrain',
  after: ['20260112090000_purchases_filled'],
  validate: [
    index(byCustomer),
    constraintValid(positive),
    // Row by row, in the database. Made again right before the contract: the last look at both tables
    sameContent({
      source: {
        table: 'orders',
        key: ['id'],
        columns: [
          'id',
          { expression: "coalesce(nullif(btrim(customer), ''), 'unknown')" },
          cents,
          { expression: "split_part(total, ' ', 2)" },
        ],
      },
      target: { table: 'purchases', key: ['id'], columns: ['id', 'customer', 'cents', 'currency'] },
    }),
  ],
} satisfies FlotillaMigration;

/** Constrain: the index after the load, and a check that all rows are held against without a long lock. */
export async function up(knex: Knex): Promise<void> {
  await createIndexConcurrently(knex, byCustomer);
  await addCheckNotValid(knex, { ...positive, check: 'cents >= 0' });
  await validateConstraint(knex, positive);
}

export async function down(knex: Knex): Promise<void> {
  await knex.schema.alterTable('purchases', (table) => table.dropChecks([positive.name]));
  await dropIndexConcurrently(knex, byCustomer);
}
