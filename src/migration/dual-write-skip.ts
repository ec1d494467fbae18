/** A transaction that sets this to `on` writes past the reverse direction of dual writes: a backfill must not rewrite the column it reads. */
export const DUAL_WRITE_SKIP = 'flotilla.skip_dual_write';
