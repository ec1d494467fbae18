/** The verbs of a rollout: what each is refused for, and what it changes. Pure; the body of the workflow does what follows from it. */

import type { AbortAsk, ApproveAsk, Ask, ResumeAsk, RetryAsk, RollbackAsk, RolloutVerb, SkipAsk, SpeedAsk } from '../asks.js';
import type { ErrorCode } from '../error-codes.js';
import { FlotillaError } from '../errors.js';
import { refuseTo } from '../rollback-plan.js';
import { noTotals, unresolved } from '../tenant.js';
import { exceeded } from '../wave/failure-budget.js';
import type { RolloutBook } from './book.js';
import { isFinal } from './contract.js';
import { emptyCarry, type WaveRecord } from './record.js';
import { reasonsOf } from './view.js';

interface Taken {
  /** One sentence: what happens now. */
  readonly message: string;
  /** Wave, gate, host or tenants that the audit trail names. */
  readonly subject?: string;
}

interface Verb {
  refuse?(book: RolloutBook, ask: Ask): void;
  apply(book: RolloutBook, ask: Ask, nowMs: number): Taken;
}

const refuse = (message: string, code: ErrorCode = 'FLT_REFUSED'): never => {
  throw new FlotillaError(code, message);
};

const many = (tenants: readonly string[]): string => (tenants.length === 1 ? 'One tenant is' : `${tenants.length} tenants are`);
const list = (tenants: readonly string[]): string => tenants.slice(0, 20).join(', ');

export function validateVerb(book: RolloutBook, verb: RolloutVerb, ask: Ask): void {
  const state = book.state();
  if (isFinal(state)) refuse(`The rollout is ${state}.`);
  if (book.desired === 'abort' && verb !== 'abort') refuse('The rollout is being aborted.');
  VERBS[verb].refuse?.(book, ask);
}

export const applyVerb = (book: RolloutBook, verb: RolloutVerb, ask: Ask, nowMs: number): Taken => VERBS[verb].apply(book, ask, nowMs);

const pause: Verb = {
  apply(book, { actor, reason }, nowMs) {
    if (!book.pauses.has('operator'))
      book.pauses.set('operator', {
        text: `${actor} paused it${reason ? `: "${reason}"` : ''}; go on with "flotilla resume"`,
        sinceMs: nowMs,
      });
    return { message: 'No tenant is started any more; those in hand finish.' };
  },
};

const resume: Verb = {
  refuse(book, ask) {
    const { acceptFailures } = ask as ResumeAsk;
    const { rollbackOf } = book.input;
    if (book.halt && rollbackOf !== undefined)
      refuse(`This rollout takes ${rollbackOf} back: roll back again, by force or leaving tenants out, or abort.`);
    if (book.phase === 'rollbackFailed') refuse('Some tenants could not be returned: roll back again, leave them out, or abort.');
    if (!book.halt) {
      if (book.pauses.size > 0) return;
      const waits = reasonsOf(book).filter(
        ({ kind, clears }) => kind === 'freeze' || (clears === 'itself' && kind !== 'bake' && kind !== 'drain'),
      );
      refuse(`The rollout is not paused by anybody${waits.length ? `; ${waits.map(({ text }) => text).join('; ')}` : ''}.`);
    }
    if (book.halt?.code !== 'FLT_BUDGET_EXCEEDED') return;
    const within = (now: number, allowed: number) => {
      const limit = Math.max(allowed, acceptFailures ?? 0);
      if (exceeded(now, limit))
        refuse(`${now} failures are unresolved, ${limit} allowed: resolve some, or accept them (acceptFailures: ${now}).`);
    };
    // A wave that was rolled back begins anew
    const standing = book.waves.filter((wave) => wave.carry && wave.state !== 'rolledBack');
    for (const wave of standing) if (wave.state === 'halted') within(unresolved(wave.carry!.totals), wave.maxFailures);
    if (book.maxFailures !== undefined)
      within(
        standing.reduce((n, wave) => n + unresolved(wave.carry!.totals), 0),
        book.maxFailures,
      );
  },
  apply(book, ask) {
    const { acceptFailures } = ask as ResumeAsk;
    const wave = book.nextWave();
    if (wave && acceptFailures !== undefined) wave.maxFailures = Math.max(wave.maxFailures, acceptFailures);
    if (book.maxFailures !== undefined && acceptFailures !== undefined) book.maxFailures = Math.max(book.maxFailures, acceptFailures);
    // While it is still rolling back there is nothing to begin anew
    if (book.phase !== 'rollingBack') {
      book.rollback = undefined;
      for (const it of book.waves) if (it.down) again(it);
    }
    if (wave && book.halt?.code === 'FLT_APPROVAL_EXPIRED') wave.approved = false;
    if (wave?.carry && book.halt?.code === 'FLT_DEADLINE') wave.carry = { ...wave.carry, movingMs: 0 };
    book.halt = undefined;
    book.pauses.clear();
    book.gates.acknowledge();
    const left = reasonsOf(book).filter((reason) => ['freeze', 'window', 'host', 'files'].includes(reason.kind));
    return { message: left.length ? `It goes on as soon as it may: ${left.map(({ text }) => text).join('; ')}.` : 'The rollout goes on.' };
  },
};

/** From the start: tenants that still have everything say so. What has failed before stays counted. */
function again(wave: WaveRecord): void {
  wave.state = 'waiting';
  wave.settled = false;
  wave.noEvidence.length = 0;
  const { failures = [], failuresTotal = 0 } = wave.carry ?? {};
  wave.carry = { ...emptyCarry({ ...noTotals(), pending: wave.plan.tenants }), failures, failuresTotal };
  delete wave.down;
}

const abort: Verb = {
  refuse(book, ask) {
    if (book.phase === 'rollingBack' && book.desired !== 'abort' && !(ask as AbortAsk).confirm)
      refuse(
        'It is rolling back: abort would stop that half-way, with some tenants back and others not. Confirm to do so.',
        'FLT_CONFIRM_NEEDED',
      );
  },
  apply(book, ask) {
    book.desired = 'abort';
    const { inFlight } = ask as AbortAsk;
    if (inFlight) book.inFlight = inFlight;
    const hand = book.inFlight === 'cancel' ? 'the statements of tenants in hand are cancelled' : 'tenants in hand finish';
    return { message: `The rollout stops for good; ${hand}, nothing is undone.` };
  },
};

function refuseOtherWave(book: RolloutBook, ask: Ask): void {
  const { wave, digest } = ask as ApproveAsk;
  if (book.halt?.code === 'FLT_APPROVAL_EXPIRED')
    refuse('The approval has expired and the rollout is halted: "flotilla resume" asks for it again.', 'FLT_APPROVAL_EXPIRED');
  const waiting = book.nextWave();
  if (!waiting || waiting.approved) refuse('No wave waits for approval.');
  if (waiting!.plan.name !== wave || book.plan!.summary.digest !== digest)
    refuse(`Waiting for approval is wave "${waiting!.plan.name}" with digest ${book.plan!.summary.digest}.`, 'FLT_APPROVAL_MISMATCH');
}

const approve: Verb = {
  refuse: refuseOtherWave,
  apply(book, ask) {
    const { wave } = ask as ApproveAsk;
    book.nextWave()!.approved = true;
    return { message: `Wave "${wave}" may go on.`, subject: wave };
  },
};

const reject: Verb = {
  refuse: refuseOtherWave,
  apply(book, ask, nowMs) {
    const { wave, actor } = ask as ApproveAsk;
    book.halt = { code: 'FLT_REJECTED', text: `${actor} rejected wave "${wave}"`, atMs: nowMs };
    const message =
      book.backfillOf() === undefined
        ? 'The rollout is halted. "flotilla rollback" takes back what it applied.'
        : 'The rollout is halted; what the backfill has written stays.';
    return { message, subject: wave };
  },
};

const skip: Verb = {
  refuse(book, ask) {
    const { tenants, host, wave, bake, gate } = ask as SkipAsk;
    if (book.phase === 'rollingBack')
      refuse('The rollout is rolling back: a tenant that cannot be returned is left out afterwards, with rollback --continue --skip.');
    if (book.halt && (wave || bake || host || gate)) refuse('While halted only tenants can be skipped.');
    if (wave && !book.waves.some((it) => it.plan.name === wave && (it.state === 'waiting' || it.state === 'running')))
      refuse(`There is no wave "${wave}" to skip.`);
    if (bake && book.phase !== 'baking') refuse('No bake time runs.');
    if (host && !book.waves.some((it) => it.plan.hosts.some((of) => of.host === host))) refuse(`No wave has tenants on a host "${host}".`);
    if (gate && !book.gates.has(gate)) refuse(`There is no gate "${gate}".`);
    if (!tenants?.length && !host && !wave && !bake && !gate) refuse('Name tenants, a host, a wave, a gate or the bake.');
  },
  apply(book, ask) {
    const { tenants, host, wave, bake, gate } = ask as SkipAsk;
    if (bake) {
      book.skipBake = true;
      return { message: 'The bake time ends now.' };
    }
    if (gate) {
      book.gates.skip(gate);
      if (book.gates.unanswered().length === 0) book.pauses.delete('gate');
      return { message: `Gate "${gate}" acts on nothing any more in this rollout.`, subject: gate };
    }
    if (wave) return skipWave(book, wave);
    if (host) {
      book.skippedHosts.push(host);
      return { message: `Tenants of host "${host}" that were not started are left out.`, subject: host };
    }
    book.skipped.push(...tenants!);
    book.tenantVerbs.push({ verb: 'skip', ask: { ...ask, tenants: tenants! } });
    return { message: `${many(tenants!)} left out.`, subject: list(tenants!) };
  },
};

function skipWave(book: RolloutBook, name: string): Taken {
  const wave = book.waves.find((it) => it.plan.name === name)!;
  if (book.open?.index === wave.plan.index) book.skipWave = true;
  else Object.assign(wave, { state: 'skipped', settled: true, carry: emptyCarry({ ...noTotals(), skipped: wave.plan.tenants }) });
  return { message: `The rest of wave "${name}" is left out.`, subject: name };
}

const retry: Verb = {
  refuse(book, ask) {
    const { tenants, error, host, failed, unfinished } = ask as RetryAsk;
    if (book.input.rollbackOf !== undefined) refuse('This rollout brings nobody up: a tenant that is not back is tried again by rollback.');
    if (book.freeze) refuse(`${book.freeze.actor} froze the fleet: "${book.freeze.reason}".`, 'FLT_FROZEN');
    if (!tenants?.length && !error && !host && !failed && !unfinished) refuse('Name tenants, an error, a host, or all that failed.');
    if (!book.open && !unfinished && !anybodyHeld(book, tenants))
      refuse(
        book.waves.some((it) => it.down)
          ? 'Nobody is parked there: what was rolled back starts anew with "flotilla resume".'
          : 'Nobody is parked there.',
      );
  },
  apply(book, ask) {
    book.retries.push(ask as RetryAsk);
    const { tenants } = ask as RetryAsk;
    const message = 'The parked tenants that fit are tried again; the first is a probe.';
    return tenants?.length ? { message, subject: list(tenants) } : { message };
  },
};

/** Whether one of the tenants, or any at all, waits for a person. */
function anybodyHeld(book: RolloutBook, tenants: readonly string[] | undefined): boolean {
  const held = book.waves.flatMap((wave) =>
    Object.entries(wave.carry?.troubled ?? {})
      .filter(([, it]) => it.state === 'parked' || it.state === 'rollbackFailed')
      .map(([id]) => id),
  );
  return tenants?.length ? tenants.some((id) => held.includes(id)) : held.length > 0;
}

const speed: Verb = {
  refuse(book, ask) {
    const { maxConcurrency, perHost, maxFailures } = ask as SpeedAsk;
    const given = [maxConcurrency, perHost, maxFailures].filter((it) => it !== undefined);
    if (given.length === 0) refuse('Say what changes: maxConcurrency, perHost or maxFailures.');
    if (given.some((it) => !Number.isInteger(it) || it < 0) || maxConcurrency === 0 || perHost === 0)
      refuse('Expected whole numbers, at least 1 for maxConcurrency and perHost; pause stops everything.', 'FLT_USAGE');
    if (book.phase === 'rollingBack' && maxFailures !== undefined) refuse('A rollback has no failure budget.');
    if (maxFailures !== undefined && !book.nextWave()) refuse('No wave is left.');
  },
  apply(book, ask) {
    const { maxConcurrency, perHost, maxFailures } = ask as SpeedAsk;
    book.speed = {
      ...book.speed,
      ...(maxConcurrency === undefined ? {} : { maxConcurrency }),
      ...(perHost === undefined ? {} : { perHost }),
    };
    const wave = book.nextWave();
    if (wave && maxFailures !== undefined) wave.maxFailures = maxFailures;
    const changed = [
      maxConcurrency === undefined ? '' : `${maxConcurrency} lists at once`,
      perHost === undefined ? '' : `${perHost} on each host, where the host bears it`,
      maxFailures === undefined ? '' : `${maxFailures} failures allowed in wave "${wave?.plan.name}"`,
    ].filter(Boolean);
    return { message: `From the next dispatch on: ${changed.join(', ')}.`, subject: changed.join(', ') };
  },
};

const rollback: Verb = {
  refuse(book, ask) {
    const { force, reason, wave, tenants, to } = ask as RollbackAsk;
    const filled = book.backfillOf();
    if (filled !== undefined)
      refuse(
        `The backfill of ${filled} takes nothing back: what rows held before is kept nowhere. Abort stops it where it is.`,
        'FLT_BACKFILL_STAYS',
      );
    if (force && !reason) refuse('Forcing a rollback needs a reason.');
    if (book.phase === 'rollingBack' || (book.order && !tenants?.length)) refuse('A rollback is on its way already.');
    if (wave && !book.waves.some((it) => it.plan.name === wave && it.carry)) refuse(`No wave "${wave}" has run.`);
    if (!wave && !tenants?.length && !book.waves.some((it) => it.carry || it.lost) && !book.open) refuse('Nothing has run yet.');
    if (to === undefined) return;
    if (tenants?.length) refuse('A rollback to a migration is for waves or all: leave the tenants or the migration out.', 'FLT_USAGE');
    refuseTo(book.plan!.summary.migrations, to);
  },
  apply(book, ask) {
    const { force = false, wave, tenants, to, continueSkipping = [] } = ask as RollbackAsk;
    if (tenants?.length) {
      book.tenantVerbs.push({ verb: 'rollback', ask: { ...ask, tenants } });
      return { message: `${many(tenants)} rolled back, each in a workflow of its own.`, subject: list(tenants) };
    }
    for (const id of continueSkipping) leaveAsItIs(book, id);
    // Ordered while paused: the order is what the person wants now
    book.pauses.clear();
    const one = wave ? book.waves.filter((it) => it.plan.name === wave) : undefined;
    const scope = one ? 'wave' : 'rollout';
    const stays = to === undefined ? {} : { to };
    book.order = { waves: one ?? book.waves, scope, automatic: false, force, ...stays };
    book.rollback = { scope, automatic: false, refused: [], failed: [], ...stays };
    const until = to === undefined ? '' : ` down to ${to}, which stays`;
    return { message: `What this rollout applied is taken back${until}, newest wave first.`, ...(wave ? { subject: wave } : {}) };
  },
};

/** `rollback --continue --skip`: the tenant stays as it is. */
function leaveAsItIs(book: RolloutBook, id: string): void {
  for (const wave of book.waves) {
    const trouble = wave.carry?.troubled[id];
    if (!wave.carry || trouble?.state !== 'rollbackFailed') continue;
    const { totals, troubled } = wave.carry;
    wave.carry = {
      ...wave.carry,
      totals: { ...totals, rollbackFailed: totals.rollbackFailed - 1, skipped: totals.skipped + 1 },
      troubled: { ...troubled, [id]: { ...trouble, state: 'skipped' } },
    };
    book.leftOut.push(id);
  }
}

const VERBS: Readonly<Record<RolloutVerb, Verb>> = { pause, resume, abort, approve, reject, skip, retry, speed, rollback };
