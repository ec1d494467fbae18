/** The audit trail: who did what to which rollout, and why. The actor is self-reported. */

import { ask, type ControlPool } from './control-pool.js';

export interface EventRow {
  readonly id: string;
  readonly rolloutId: string | null;
  readonly at: Date;
  readonly actor: string;
  readonly verb: string;
  readonly reason: string | null;
  readonly subject: string | null;
  readonly requestId: string;
}

/** Adds events; one per request id and verb, so that a repeat adds nothing. */
export async function recordEvents(
  pool: ControlPool,
  fleet: string,
  rolloutId: string | undefined,
  events: readonly { actor: string; reason?: string; requestId: string; verb: string; subject?: string; atMs: number }[],
): Promise<void> {
  if (events.length === 0) return;
  const column = <T>(pick: (event: (typeof events)[number]) => T) => events.map(pick);
  await ask(
    pool,
    `insert into event (fleet, rollout_id, at, actor, verb, reason, subject, request_id)
     select $1, $2, to_timestamp(e.at / 1000.0), e.actor, e.verb, e.reason, e.subject, e.request_id
     from unnest($3::float8[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[]) e (at, actor, verb, reason, subject, request_id)
     on conflict (fleet, request_id, verb) do nothing`,
    [
      fleet,
      rolloutId ?? null,
      column((e) => e.atMs),
      column((e) => e.actor),
      column((e) => e.verb),
      column((e) => e.reason ?? null),
      column((e) => e.subject ?? null),
      column((e) => e.requestId),
    ],
  );
}

/** Newest first; `before` is the id of the last one seen. */
export async function eventsPage(
  pool: ControlPool,
  fleet: string,
  filter: { rolloutId?: string; before?: string },
  limit: number,
): Promise<readonly EventRow[]> {
  return ask<EventRow>(
    pool,
    `select id::text, rollout_id "rolloutId", at, actor, verb, reason, subject, request_id "requestId" from event
     where fleet = $1 and ($2::text is null or rollout_id = $2) and ($3::bigint is null or id < $3) order by event.id desc limit $4`,
    [fleet, filter.rolloutId ?? null, filter.before ?? null, limit],
  );
}
