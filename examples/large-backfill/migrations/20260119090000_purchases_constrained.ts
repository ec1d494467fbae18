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
import { asPurchase } from './20260105090000_purchases_expanded.js';

const byCustomer = { table: 'purchases', columns: ['customer'], name: 'purchases_customer_idx' };
const positive = { table: 'purchases', name: 'purchases_cents_check' };

export const config = { transaction: false };
export const flotilla = {
  phase: 'constrain',
  after: ['20260112090000_purchases_filled'],
  validate: [
    index(byCustomer),
    constraintValid(positive),
    // Made again right before the contract: the last look at both tables
    sameContent({
      source: { table: 'orders', key: ['id'], columns: ['id', ...Object.values(asPurchase).map((expression) => ({ expression }))] },
      target: { table: 'purchases', key: ['id'], columns: ['id', ...Object.keys(asPurchase)] },
    }),
  ],
} satisfies FlotillaMigration;

/** Constrain: an index, built after the load, and a check; neither stops the application's writes. */
export async function up(knex: Knex): Promise<void> {
  await createIndexConcurrently(knex, byCustomer);
  await addCheckNotValid(knex, { ...positive, check: 'cents >= 0' });
  await validateConstraint(knex, positive);
}

export async function down(knex: Knex): Promise<void> {
  await knex.schema.alterTable('purchases', (table) => table.dropChecks([positive.name]));
  await dropIndexConcurrently(knex, byCustomer);
}
