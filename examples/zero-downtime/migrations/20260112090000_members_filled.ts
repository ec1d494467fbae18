import { backfill, type FlotillaMigration, nullCount } from 'flotilla/migration';

/** Backfill: the rows from before, in chunks, by the expressions of the dual write. A row that has the values already is left alone. */
const fill = backfill({
  table: 'members',
  set: {
    given_name: "split_part(name, ' ', 1)",
    family_name: "nullif(substr(name, strpos(name || ' ', ' ') + 1), '')",
    number_next: 'number',
  },
});

export const config = { transaction: false };
export const flotilla = {
  phase: 'backfill',
  after: ['20260105090000_members_expanded'],
  backfill: fill,
  validate: [nullCount({ table: 'members', column: 'given_name' }), nullCount({ table: 'members', column: 'number_next' })],
} satisfies FlotillaMigration;
export const up = fill.up;
// What it filled goes with the columns
export async function down(): Promise<void> {}
