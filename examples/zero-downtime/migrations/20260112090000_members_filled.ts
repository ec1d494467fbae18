import { backfill, nullCount } from 'flotilla/migration';

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
  backfill: fill,
  validate: [nullCount({ table: 'members', column: 'given_name' }), nullCount({ table: 'members', column: 'number_next' })],
};
export const up = fill.up;
// What it filled goes with the columns
export async function down(): Promise<void> {}
