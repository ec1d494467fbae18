import { recordEvents } from '../../control/events.js';
import { freezeOf, liftFreeze, setFreeze } from '../../control/holds.js';
import type { Freeze } from '../../domain/asks.js';
import { FlotillaError } from '../../domain/errors.js';
import type { AdminAnswers, AdminArgs } from '../../workflows/admin-messages.js';
import { FREEZE_SIGNAL } from '../../workflows/messages.js';
import type { ActivityDeps } from '../deps.js';
import { tellRollout } from '../tell-rollout.js';
import type { AdminContext } from './answer-admin.js';
import { holdRecord } from './hold-record.js';

/** Freezes the fleet, lifts that, or only says what holds. Safe to repeat. @throws FLT_USAGE without a reason */
export async function holdFleet(
  deps: ActivityDeps,
  { fleet, ...ask }: AdminContext,
  { order, untilMs }: AdminArgs['freeze'],
): Promise<AdminAnswers['freeze']> {
  if (order === undefined) return answer(await freezeOf(deps.control, fleet));
  if (order === 'set') {
    if (!ask.reason) throw new FlotillaError('FLT_USAGE', 'Say why the fleet is frozen.');
    const { actor, reason } = ask;
    await setFreeze(deps.control, fleet, { actor, reason, sinceMs: Date.now(), ...(untilMs === undefined ? {} : { untilMs }) });
  } else await liftFreeze(deps.control, fleet);
  const until = untilMs === undefined ? 'until lifted' : `until ${new Date(untilMs).toISOString()}`;
  const subject = order === 'set' ? until : 'lifted';
  await recordEvents(deps.control, fleet, undefined, [{ ...ask, verb: 'freeze', subject, atMs: Date.now() }]);
  const now = await freezeOf(deps.control, fleet);
  return answer(now, await tellRollout(deps.temporal, fleet, FREEZE_SIGNAL, now ?? null));
}

const answer = (freeze: Freeze | undefined, rolloutId?: string): AdminAnswers['freeze'] => ({
  freeze: freeze ? holdRecord(freeze) : null,
  ...(rolloutId === undefined ? {} : { rolloutId }),
});
