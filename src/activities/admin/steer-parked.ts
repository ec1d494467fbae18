import { recordEvents } from '../../control/events.js';
import { freezeOf } from '../../control/holds.js';
import { parkedTenants } from '../../control/rollout-tenants.js';
import { FlotillaError } from '../../domain/errors.js';
import type { ParkedAnswer, ParkedArgs } from '../../workflows/admin-messages.js';
import type { TenantVerb } from '../../workflows/messages.js';
import type { ActivityDeps } from '../deps.js';
import { signalParked } from '../parked-tenants.js';
import type { AdminContext } from './answer-admin.js';
import { checkFiles } from './check-files.js';

const SAMPLE = 5;

/** retry, skip or rollback on parked tenants whose rollout is closed. Nobody is brought up while the fleet is frozen. Safe to repeat: the tenants' workflows remember the request id. */
export async function steerParked(
  deps: ActivityDeps,
  context: AdminContext,
  verb: TenantVerb,
  args: ParkedArgs & { readonly force?: boolean },
): Promise<ParkedAnswer> {
  const { tenants, error, host, failed, force } = args;
  if (!tenants?.length && error === undefined && host === undefined && failed !== true)
    throw new FlotillaError('FLT_USAGE', `${verb}: say which parked tenants: by name, by error, by host, or all that failed.`, {});
  const freeze = verb === 'retry' ? await freezeOf(deps.control, context.fleet) : undefined;
  if (freeze) throw new FlotillaError('FLT_FROZEN', `${freeze.actor} froze the fleet: "${freeze.reason}".`, {});
  const fits = await parkedTenants(deps.control, context.fleet, {
    // One that could not be rolled back is brought up again only when somebody names it
    ...(verb === 'retry' && !tenants?.length ? { states: ['parked'] } : {}),
    ...(tenants === undefined ? {} : { tenants }),
    ...(error === undefined ? {} : { error }),
    ...(host === undefined ? {} : { host }),
  });
  if (verb === 'retry') for (const rolloutId of new Set(fits.map((it) => it.rolloutId))) await checkFiles(deps, context, { rolloutId });
  const reached = await signalParked(deps.temporal, {
    ...context,
    verb,
    tenants: fits.map((tenant) => tenant.id),
    ...(force === undefined ? {} : { force }),
  });
  if (reached.length)
    await recordEvents(deps.control, context.fleet, undefined, [
      { ...context, verb, subject: reached.length <= SAMPLE ? reached.join(', ') : `${reached.length} tenants`, atMs: Date.now() },
    ]);
  return { signalled: reached.length, tenants: reached.slice(0, SAMPLE) };
}
