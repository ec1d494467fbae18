import { backfill, type FlotillaMigration, noOrphans, sameCount } from 'flotilla/migration';

/**
 * Backfill: the orders from before, each through a function. It rests after each chunk for half as long as the chunk took, so that the
 * application has the server for itself a third of the time.
 */
const fill = backfill({
  table: 'orders',
  into: { table: 'purchases', mirror: true },
  transform({ customer, total }) {
    const [amount, currency] = (total as string).split(' ');
    const [whole, cents] = amount!.split('.');
    return { customer: (customer as string | null)?.trim() || 'unknown', cents: `${whole}${cents}`, currency };
  },
  chunk: { rows: 1_000, maxRows: 5_000 },
  pace: { rest: 0.5 },
});

export const config = { transaction: false };
export const flotilla = {
  phase: 'backfill',
  after: ['20260105090000_purchases_expanded'],
  backfill: fill,
  // As many on both sides, and each of a different order: none is missing
  validate: [
    sameCount({ source: { table: 'orders' }, target: { table: 'purchases' } }),
    noOrphans({ table: 'purchases', columns: ['id'], references: { table: 'orders', columns: ['id'] } }),
  ],
} satisfies FlotillaMigration;
export const up = fill.up;
// What it filled goes with the table
export async function down(): Promise<void> {}
