/**
 * While this setting is `on`, dual writes carry nothing back. A backfill that transforms sets it for its own transactions:
 *
 *     select set_config('flotilla.skip_dual_write_back', 'on', true)
 *
 * Only the way back is skipped. What a backfill writes came from the old side, and an inverse that is not exact would rewrite the old side with
 * it; the way forward stays, for the application's own triggers may change the old side in the same transaction, and that must not get lost.
 * For a transaction only: left behind on a pooled connection, it would cut the application off.
 */
export const SKIP_DUAL_WRITE_BACK = 'flotilla.skip_dual_write_back';
