import { recordEvents } from '../../control/events.js';
import { dropPins, pinsOf, setPins, strangers } from '../../control/holds.js';
import type { PinNews } from '../../domain/asks.js';
import { FlotillaError } from '../../domain/errors.js';
import type { AdminAnswers, AdminArgs } from '../../workflows/admin-messages.js';
import { PIN_SIGNAL } from '../../workflows/messages.js';
import type { ActivityDeps } from '../deps.js';
import { tellRollout } from '../tell-rollout.js';
import type { AdminContext } from './answer-admin.js';
import { holdRecord } from './hold-record.js';

const SAMPLE = 5;

/** Pins tenants; without any, only lists who is pinned. Safe to repeat. @throws FLT_USAGE without a reason, FLT_UNKNOWN_TENANT */
export async function pinTenants(
  deps: ActivityDeps,
  context: AdminContext,
  { tenants = [], untilMs }: AdminArgs['pin'],
): Promise<AdminAnswers['pin']> {
  const { fleet, ...ask } = context;
  if (tenants.length === 0) return answer(deps, fleet, []);
  if (!ask.reason) throw new FlotillaError('FLT_USAGE', 'Say why these tenants are pinned.');
  const unknown = await strangers(deps.control, fleet, tenants);
  if (unknown.length > 0) {
    const names = unknown.slice(0, SAMPLE).map((id) => `"${id}"`);
    throw new FlotillaError('FLT_UNKNOWN_TENANT', `The fleet has no tenant ${names.join(', ')}${unknown.length > SAMPLE ? ', …' : ''}.`, {
      tenants: unknown,
    });
  }
  const until = untilMs === undefined ? {} : { untilMs };
  await setPins(deps.control, fleet, tenants, { actor: ask.actor, reason: ask.reason, ...until });
  return tell(deps, context, 'pin', { tenants, pinned: true, ...until });
}

/** Lets pinned tenants go. Safe to repeat: one that is not pinned stays so. */
export async function unpinTenants(
  deps: ActivityDeps,
  context: AdminContext,
  { tenants }: AdminArgs['unpin'],
): Promise<AdminAnswers['unpin']> {
  const dropped = await dropPins(deps.control, context.fleet, tenants);
  // The rollout is told of all that were named: a try before this one may have come no further than the control database
  const { changed: _, ...rest } = await tell(deps, context, 'unpin', { tenants, pinned: false });
  return { ...rest, changed: dropped };
}

async function tell(
  deps: ActivityDeps,
  { fleet, ...ask }: AdminContext,
  verb: 'pin' | 'unpin',
  news: PinNews,
): Promise<AdminAnswers['pin']> {
  const tenants = [...news.tenants].sort();
  const subject = tenants.length <= SAMPLE ? tenants.join(', ') : `${tenants.length} tenants`;
  await recordEvents(deps.control, fleet, undefined, [{ ...ask, verb, subject, atMs: Date.now() }]);
  return answer(deps, fleet, tenants, await tellRollout(deps.temporal, fleet, PIN_SIGNAL, news));
}

async function answer(
  { control }: ActivityDeps,
  fleet: string,
  changed: readonly string[],
  rolloutId?: string,
): Promise<AdminAnswers['pin']> {
  const pins = (await pinsOf(control, fleet)).map((pin) => ({ tenant: pin.tenant, ...holdRecord(pin) }));
  return { pins, changed, ...(rolloutId === undefined ? {} : { rolloutId }) };
}
