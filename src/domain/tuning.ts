/** Sizes and waits of the dispatcher, with the reason for each default. */

/** Sizes that tests make small; every field has a default. */
export interface Tuning {
  /** Tenants per list in a large wave. @defaultValue 25 */
  readonly listSize?: number;
  /** A list hands back what it did not reach after this long. @defaultValue 5000 */
  readonly timeBoxMs?: number;
  /** Waves up to this size run lists of one tenant. @defaultValue 100 */
  readonly smallWave?: number;
  /** A wave continues-as-new above this many history events, as does what shows its backfills. @defaultValue 8000, or what Temporal suggests */
  readonly continueAsNewAfterEvents?: number;
  /** How long a wave waits before it asks again after `filesDiffer`. @defaultValue 5000 */
  readonly filesRetryMs?: number;
  /** How long a wave waits before it asks again for a slot on a host that others use. @defaultValue 1000 */
  readonly busyRetryMs?: number;
  /** After this long without a worker that has the files, the rollout pauses with reason `files`. @defaultValue 120000 */
  readonly filesPauseAfterMs?: number;
}

/** @param tuning what a test or an expert makes different */
export function resolveTuning(tuning: Tuning = {}): Required<Tuning> {
  return {
    listSize: 25, // a list of 25 costs one activity: 3 events
    timeBoxMs: 5_000, // how long a pause, an abort or a new limit may have to wait
    smallWave: 100, // up to here every tenant is a line of its own in the Temporal UI
    continueAsNewAfterEvents: 8_000, // Temporal warns at 10,240 events
    filesRetryMs: 5_000,
    busyRetryMs: 1_000, // the list has waited for a slot itself
    filesPauseAfterMs: 120_000, // a deploy that rolls
    ...tuning,
  };
}
