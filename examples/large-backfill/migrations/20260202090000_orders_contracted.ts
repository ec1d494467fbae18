import { constraintValid, type FlotillaMigration, index } from 'flotilla/migration';
import type { Knex } from 'knex';
import { sync } from './20260105090000_purchases_expanded.js';

// Only what the catalog tells: these checks are made before the transaction lets go of the table
export const flotilla = {
  phase: 'contract',
  after: ['20260119090000_purchases_constrained'],
  irreversible: 'the old table is dropped; restore it from a backup, or build it from purchases',
  validate: [index({ table: 'purchases', columns: ['customer'] }), constraintValid({ table: 'purchases', name: 'purchases_cents_check' })],
} satisfies FlotillaMigration;

/** Contract, once no code that runs knows `orders`. */
export async function up(knex: Knex): Promise<void> {
  await sync.drop(knex);
  await knex.schema.dropTable('orders');
}
