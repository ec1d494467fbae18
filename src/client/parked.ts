/** retry, skip and rollback on parked tenants whose rollout is closed: each waits in a workflow of its own, which outlives the rollout. */

import { FlotillaError } from '../domain/errors.js';
import type { ParkedArgs } from '../workflows/admin-messages.js';
import type { TenantVerb } from '../workflows/messages.js';
import { askAdmin } from './admin.js';
import type { AskOptions, ClientContext } from './context.js';
import { latestRun } from './find-rollout.js';
import { type SteerOptions, type SteerResult, steer } from './steer.js';

/** To the open rollout when there is one, else to the parked tenants themselves. @throws FLT_NO_OPEN_ROLLOUT when no tenant is named */
export async function steerOrParked<V extends TenantVerb>(context: ClientContext, verb: V, options: SteerOptions<V>): Promise<SteerResult> {
  const run = await latestRun(context);
  const parked = parkedArgs(options as ParkedArgs & { force?: boolean });
  if (run?.open || !parked) return steer(context, verb, options);
  const answer = await askAdmin(context, verb, parked, options as AskOptions);
  if (answer.signalled === 0) throw new FlotillaError('FLT_REFUSED', 'No parked tenant fits.', { ...parked });
  const names = answer.tenants.join(', ');
  return {
    rolloutId: run?.rolloutId ?? '',
    accepted: true,
    pending: false,
    state: null,
    message: `${answer.signalled} parked ${answer.signalled === 1 ? 'tenant' : 'tenants'} asked to ${verb}: ${names}${answer.signalled > answer.tenants.length ? ', …' : ''}.`,
    next: answer.tenants.slice(0, 1).map((tenant) => ({ command: `flotilla status --tenant ${tenant}`, why: 'see how it went' })),
  };
}

function parkedArgs(options: ParkedArgs & { readonly force?: boolean; readonly unfinished?: boolean }): ParkedArgs | undefined {
  const { tenants, error, host, failed, unfinished, force } = options;
  if (!tenants?.length && !error && !host && !failed && !unfinished) return undefined;
  return {
    ...(tenants?.length ? { tenants } : {}),
    ...(error ? { error } : {}),
    ...(host ? { host } : {}),
    ...(failed || unfinished ? { failed: true } : {}),
    ...(force ? { force } : {}),
  } as ParkedArgs;
}
