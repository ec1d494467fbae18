import { backfill, type FlotillaMigration, sameCount } from 'flotilla/migration';

/**
 * Backfill: the rows from before, each through a function. A chunk takes half a second, and the worker rests as long after it: the large tenant
 * takes longer, and its application does not notice. A row that the application changes while the function looks at it is left to the next pass.
 */
const fill = backfill({
  table: 'orders',
  into: { table: 'purchases', mirror: true },
  transform: ({ customer, total }) => {
    const [amount, currency] = (total as string).split(' ');
    const [whole, cents] = amount!.split('.');
    return { customer: (customer as string | null)?.trim() || 'unknown', cents: `${whole}${cents}`, currency };
  },
  chunk: { rows: 1_000, maxRows: 5_000 },
  pace: { rest: 1 },
});

export const config = { transaction: false };
export const flotilla = {
  phase: 'backfill',
  after: ['20260105090000_purchases_expanded'],
  backfill: fill,
  validate: [sameCount({ source: { table: 'orders' }, target: { table: 'purchases' } })],
} satisfies FlotillaMigration;
export const up = fill.up;
// What it filled goes with the table
export async function down(): Promise<void> {}
