/** Tries parked tenants again: the first is a probe, and only if it succeeds do the others follow. */

import { condition } from '@temporalio/workflow';
import type { RolloutBook } from '../domain/rollout/book.js';
import { controlActivities } from './activity-options.js';
import type { RetryAsk, RolloutInput } from './messages.js';

export async function retryParked(input: RolloutInput, book: RolloutBook, ask: RetryAsk): Promise<void> {
  const control = controlActivities(input.taskQueue);
  const { fleet, rolloutId } = input;
  const parked = await control.findParked({
    fleet,
    rolloutId,
    // One that could not be rolled back is brought up again only when somebody names it
    ...(ask.tenants ? { tenants: ask.tenants } : { states: ['parked'] }),
    ...(ask.error ? { error: ask.error } : {}),
    ...(ask.host ? { host: ask.host } : {}),
  });
  const from = book.resolvedNow.length;
  const answered = (tenant: string) => book.resolvedNow.slice(from).find((it) => it.tenant === tenant);
  const others = parked.map((it) => it.tenant);
  for (let probe = others.shift(); probe !== undefined; probe = others.shift()) {
    const tenant = probe;
    const reached = await control.signalTenants({ ...ask, fleet, verb: 'retry', tenants: [tenant] });
    if (!reached.includes(tenant)) continue; // nobody is parked there any more
    await condition(() => answered(tenant) !== undefined, '30m');
    if (answered(tenant)?.resolution !== 'applied') return;
    break;
  }
  for (let at = 0; at < others.length; at += 100)
    await control.signalTenants({ ...ask, fleet, verb: 'retry', tenants: others.slice(at, at + 100) });
  if (!ask.unfinished) return;
  await condition(() => others.every((tenant) => answered(tenant) !== undefined), '30m');
  const resume = { ...ask, requestId: `${ask.requestId}-resume` };
  try {
    book.validate('resume', resume);
  } catch {
    return; // still over the limit: a person decides
  }
  book.take('resume', resume, Date.now());
}
