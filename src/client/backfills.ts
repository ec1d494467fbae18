/** How far the backfills of an open wave have come, read where their workers write it down. */

import type { FleetBackfill } from '../domain/backfill/fleet-progress.js';
import { askAdmin } from './admin.js';
import type { ClientContext } from './context.js';

const ANSWER_WITHIN_MS = 2_000;
/** Whoever follows a long backfill sees it move without a question every second. */
const SELDOM_MS = 15_000;
const OFTEN_MS = 2_000;
const SHARE_OF_TIME = 0.1;

interface Followed {
  readonly wave: string;
  readonly sinceMs: number;
  readonly atMs: number;
  readonly told: readonly FleetBackfill[] | undefined;
}

const followed = new WeakMap<ClientContext, Followed>();

/**
 * The first answer to a client is as new as the control database. One that asks again and again gets another after 2 s, or a tenth of the time
 * that it has followed the wave, up to 15 s. undefined: nobody answers in time.
 */
export async function backfillsOf(context: ClientContext, rolloutId: string, wave?: number): Promise<readonly FleetBackfill[] | undefined> {
  const key = `${rolloutId} ${wave ?? 'all'}`;
  const nowMs = Date.now();
  const known = followed.get(context);
  const before = known?.wave === key ? known : undefined;
  if (before && nowMs - before.atMs < Math.min(SELDOM_MS, Math.max(OFTEN_MS, (nowMs - before.sinceMs) * SHARE_OF_TIME))) return before.told;
  const told = await askAdmin(
    context,
    'backfills',
    { rolloutId, ...(wave === undefined ? {} : { wave }) },
    { signal: AbortSignal.timeout(ANSWER_WITHIN_MS) },
  ).then(
    ({ backfills }) => backfills,
    () => undefined,
  );
  followed.set(context, { wave: key, sinceMs: before?.sinceMs ?? nowMs, atMs: nowMs, told });
  return told;
}
