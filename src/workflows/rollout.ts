/**
 * A rollout, aloud: open the plan, then for each wave approve, run, bake; on a breach roll back or wait for a person; finish with a report.
 * What it knows is in `RolloutBook`, how a wave runs in `wave.ts`. It never continues-as-new, so messages to it are never lost.
 */

import { ApplicationFailure, ChildWorkflowFailure, TerminatedFailure } from '@temporalio/common';
import {
  CancellationScope,
  condition,
  getExternalWorkflowHandle,
  ParentClosePolicy,
  setCurrentDetails,
  setHandler,
  sleep,
  startChild,
  workflowInfo,
} from '@temporalio/workflow';
import type { RolloutVerb } from '../domain/asks.js';
import { FlotillaError } from '../domain/errors.js';
import { workflowIds } from '../domain/ids.js';
import type { PlannedWave } from '../domain/plan.js';
import { RolloutBook } from '../domain/rollout/book.js';
import { type FinalState, isFinal, type RolloutReport, type RolloutState } from '../domain/rollout/contract.js';
import { substituteCanaries, wantsSweep } from '../domain/rollout/membership.js';
import { type Notice, Notices } from '../domain/rollout/notices.js';
import { emptyCarry, type WaveRecord } from '../domain/rollout/record.js';
import { noTotals } from '../domain/tenant.js';
import type { WaveInput, WaveResult } from '../domain/wave/contract.js';
import { controlActivities, notifyActivities } from './activity-options.js';
import { type EndWatch, watchBackfillAlone } from './backfill-watch.js';
import { publish, showRollout } from './details.js';
import { watchGates } from './gate-watch.js';
import {
  abortSignal,
  abortUpdate,
  approveUpdate,
  explainQuery,
  freezeSignal,
  HELP,
  pauseSignal,
  pauseUpdate,
  pinSignal,
  progressQuery,
  rejectUpdate,
  resumeUpdate,
  retryUpdate,
  rollbackUpdate,
  skipUpdate,
  speedUpdate,
  steerSignal,
  tenantResolvedSignal,
  waveNewsSignal,
} from './handlers.js';
import type { Ask, RolloutInput } from './messages.js';
import { retryParked } from './retry.js';
import { steadily } from './steady.js';
import { sweep } from './sweep.js';
import { waveWorkflow } from './wave.js';

/** Gates that were passed longer ago than this are looked at once more before the wave. */
const GATES_AGE_MS = 60_000;
/** What a rollout that is over waits for whoever is being told of it. */
const LAST_NOTICES_MS = 5_000;

export async function rolloutWorkflow(input: RolloutInput): Promise<RolloutReport> {
  const book = new RolloutBook(input, Date.now());
  const control = controlActivities(input.taskQueue);
  const notices = new Notices();
  let written: RolloutState = 'running';
  let writing = false;
  let steering = false;
  let telling = 0;
  let endWatch: EndWatch | undefined;
  listen();
  return steadily(
    tell,
    () => void book.take('abort', { actor: 'temporal', reason: 'Request Cancellation', requestId: 'request-cancellation' }, Date.now()),
  );

  async function tell(): Promise<RolloutReport> {
    void keepBooks();
    void keepSteering();
    book.adopt(await control.openRollout(input));
    const migration = book.backfillOf();
    if (migration !== undefined) endWatch = await watchBackfillAlone(input, migration);
    void keepHolds();
    watchGates(input, book);
    for (;;) {
      const baking = book.unbaked();
      const next = book.nextWave();
      if (book.desired === 'abort') return finish('aborted');
      else if (book.order) await rollBack();
      else if (book.halt || book.phase === 'rollbackFailed') await decision();
      else if (baking) await bake(baking);
      else if (next) await advance(next);
      else if (wantsSweep(book)) await sweep(input, book);
      else break;
      if (book.isBack()) return finish('rolledBack');
    }
    return finish(book.unresolved() > 0 ? 'completedWithFailures' : 'succeeded');
  }

  async function advance(wave: WaveRecord): Promise<void> {
    await passGates();
    const passedAt = Date.now();
    if (!wave.approved) await approval(wave);
    if (Date.now() - passedAt > GATES_AGE_MS) await passGates();
    await unpaused();
    // A gate that fails before a wave speaks of what the waves before it have done
    if (book.halt?.code === 'FLT_GATE_FAILED') book.breach(book.bakingWave() ?? wave);
    if (book.halt || book.interrupted()) return;
    await runUp(wave);
    if (book.halt) book.breach(wave);
  }

  /** Nothing may speak against beginning a wave. */
  async function passGates(): Promise<void> {
    book.lookAt('pre');
    await condition(() => book.gates.open() || book.halt !== undefined || book.interrupted());
    book.lookAt(undefined);
  }

  async function runUp(wave: WaveRecord): Promise<void> {
    book.lookAt('during');
    const result = await run(wave, 'up', wave.plan, {
      ...(book.fills() ? { backfills: true } : {}),
      skip: book.skipped,
      skipHosts: book.skippedHosts,
      pinned: [...book.pinned.keys()],
      without: wave.without,
      ...(wave.carry ? { carry: wave.carry } : {}),
    });
    book.lookAt(undefined);
    if (!result) return;
    book.ended(wave, result, Date.now());
    await substitute(wave);
  }

  /** A canary that was up to date already is no evidence: others of its kind go in its place. */
  async function substitute(wave: WaveRecord): Promise<void> {
    // Kept while it is halted: who goes on then still wants evidence
    if (book.halt || book.interrupted() || wave.noEvidence.length === 0) return;
    const { planId, rolloutId } = input;
    const canaries = wave.noEvidence.splice(0);
    const found = await control.substituteCanaries({ planId, rolloutId, wave: wave.plan.index, canaries });
    substituteCanaries(book, wave, found, Date.now());
  }

  /** The way down visits the tenants that the way up has loaded, and no others; a second time those that are not back. */
  async function runDown(wave: WaveRecord): Promise<boolean> {
    const up = wave.carry ?? emptyCarry({ ...noTotals(), pending: wave.plan.tenants });
    const loaded = (host: string) => up.hosts.find((it) => it.host === host)?.cursor ?? 0;
    const hosts = wave.plan.hosts.map((host) => (wave.lost ? host : { ...host, tenants: loaded(host.host) }));
    const result = await run(
      wave,
      'down',
      { ...wave.plan, hosts },
      {
        carry: { ...up, hosts: wave.down ?? [] },
        skip: book.leftOut,
        without: wave.without,
        unsettled: up.hosts.flatMap((host) => host.queue.map((item) => item.id)),
        ...(book.order?.to === undefined ? {} : { to: book.order.to }),
      },
    );
    return result !== undefined && book.endedDown(wave, result, Date.now());
  }

  /** One run of a wave's workflow. undefined: it was terminated, or it failed; the rollout is halted then. */
  async function run(
    wave: WaveRecord,
    direction: 'up' | 'down',
    plan: PlannedWave,
    more: Pick<WaveInput, 'carry' | 'skip' | 'skipHosts' | 'pinned' | 'without' | 'unsettled' | 'to' | 'backfills'>,
  ): Promise<WaveResult | undefined> {
    const { index, name } = wave.plan;
    const workflowId = (direction === 'up' ? workflowIds.wave : workflowIds.waveDown)(input.fleet, input.rolloutId, index, name);
    book.began(wave, direction, workflowId);
    publish({ wave: name });
    const child = await startChild(waveWorkflow, {
      workflowId,
      parentClosePolicy: ParentClosePolicy.REQUEST_CANCEL,
      staticSummary:
        direction === 'up'
          ? `wave ${name}: ${wave.plan.tenants} tenants on ${wave.plan.hosts.length} hosts, ${wave.maxFailures} may fail`
          : `rolls wave ${name} back`,
      typedSearchAttributes: workflowInfo().typedSearchAttributes,
      args: [
        {
          fleet: input.fleet,
          rolloutId: input.rolloutId,
          planId: input.planId,
          digest: book.plan!.summary.digest,
          taskQueue: input.taskQueue,
          actor: input.actor,
          wave: plan,
          direction,
          policy: book.plan!.summary.policy,
          ...(input.tuning ? { tuning: input.tuning } : {}),
          ...more,
          ...(input.rollbackOf === undefined ? {} : { rollbackOf: input.rollbackOf }),
          limits: book.limits(wave),
          paces: {},
          paused: direction === 'up' && book.held(),
          force: book.order?.force ?? false,
        },
      ],
    });
    book.there();
    try {
      return await child.result();
    } catch (error) {
      if (!(error instanceof ChildWorkflowFailure)) throw error;
      const why =
        error.cause instanceof TerminatedFailure ? 'was terminated in Temporal' : `failed: ${error.cause?.message ?? error.message}`;
      book.lost(wave, why, Date.now());
      return undefined;
    }
  }

  /** Healthy time: what passes while a gate gives no answer, or while the rollout is halted, does not count. */
  async function bake(wave: WaveRecord): Promise<void> {
    book.phase = 'baking';
    book.skipBake = false;
    book.lookAt('bake');
    const over = () => book.skipBake || book.interrupted() || book.halt !== undefined;
    while (wave.bakeLeftMs > 0 && !over()) {
      if (!book.gates.answer()) await condition(() => book.gates.answer() || over());
      else {
        const from = Date.now();
        book.bakeUntilMs = from + wave.bakeLeftMs;
        book.changes++;
        await waitUpTo(wave.bakeLeftMs, `bake after wave ${wave.plan.name}`, () => over() || !book.gates.answer());
        wave.bakeLeftMs = Math.max(0, wave.bakeLeftMs - (Date.now() - from));
      }
    }
    if (book.skipBake) wave.bakeLeftMs = 0;
    book.bakeUntilMs = undefined;
    if (!book.halt) await unpaused();
    if (book.halt) book.breach(wave); // it may have come while it was paused
    book.lookAt(undefined);
    book.phase = 'running';
    book.changes++;
  }

  /** A timer that operators can read in the Temporal UI, ended early by `until`. */
  async function waitUpTo(ms: number, summary: string, until: () => boolean): Promise<void> {
    const timer = new CancellationScope();
    const slept = timer.run(() => sleep(ms, { summary })).catch(() => undefined);
    await Promise.race([slept, condition(until)]);
    timer.cancel();
    await slept;
  }

  async function approval(wave: WaveRecord): Promise<void> {
    const { approvalTimeoutMs, approvalOnTimeout } = book.plan!.summary.policy;
    book.phase = 'awaitingApproval';
    book.approvalUntilMs = Date.now() + approvalTimeoutMs;
    book.changes++;
    const answered = await condition(() => wave.approved || book.halt !== undefined || book.interrupted(), approvalTimeoutMs);
    if (!answered) book.approvalExpired(wave, approvalOnTimeout, Date.now());
    book.phase = 'running';
    book.approvalUntilMs = undefined;
    book.changes++;
  }

  function unpaused(): Promise<void> {
    return condition(() => !book.held() || book.halt !== undefined || book.interrupted());
  }

  /** A freeze or a pin that has an end comes to it by itself. */
  async function keepHolds(): Promise<void> {
    while (!isFinal(book.state())) {
      await condition(() => book.nextRelease() !== undefined || isFinal(book.state()));
      const next = book.nextRelease();
      if (next === undefined) continue;
      const told = await condition(() => book.nextRelease() !== next || isFinal(book.state()), Math.max(1, next - Date.now()));
      if (!told) book.release(Math.max(next, Date.now()));
    }
  }

  /** Latched: nothing goes on until somebody resumes, rolls back or aborts. */
  function decision(): Promise<void> {
    return condition(
      () => book.desired === 'abort' || book.order !== undefined || (book.halt === undefined && book.phase !== 'rollbackFailed'),
    );
  }

  /** Newest wave first, each tenant by its own ledger; what cannot be returned is named, the others go on. */
  async function rollBack(): Promise<void> {
    const { scope, automatic, force, to } = book.order!;
    const stays = to === undefined ? {} : { to };
    const halted = book.halt;
    if (!force) {
      const { refused } = await control.judgeRollback({ planId: input.planId, rolloutId: input.rolloutId, ...stays });
      if (refused.length > 0) {
        book.rollback = { scope, automatic, refused, failed: [], ...stays };
        book.halt = halted ?? {
          code: 'FLT_IRREVERSIBLE',
          text: `the rollback was refused: ${refused.map((it) => it.migration).join(', ')}`,
          atMs: Date.now(),
        };
        book.phase = 'running';
        book.order = undefined;
        book.changes++;
        return;
      }
    }
    book.rollback = { scope, automatic, refused: [], failed: [], ...stays };
    book.halt = undefined;
    await leaveOut();
    for (const wave of book.toRollBack(book.order!)) {
      if (book.desired === 'abort' || !(await runDown(wave))) break;
      await dismissReturned(wave);
    }
    if (input.rollbackOf !== undefined) await control.settleClosed({ fleet: input.fleet, rolloutId: input.rolloutId });
    book.order = undefined;
    book.rolledBack(halted, Date.now());
  }

  /** Tenants that stay as they are need nobody any more. */
  async function leaveOut(): Promise<void> {
    if (book.leftOut.length === 0) return;
    await control.dismissTenants({ fleet: input.fleet, tenants: book.leftOut, reason: 'left out of the rollback' });
    await control.markTenants({ rolloutId: input.rolloutId, tenants: book.leftOut, state: 'skipped', reason: 'left out of the rollback' });
  }

  /** Parked tenants of the wave that are back, or had nothing to take back, need nobody any more. */
  async function dismissReturned(wave: WaveRecord): Promise<void> {
    const carry = wave.carry ?? emptyCarry(book.totals());
    const ids = Object.entries(carry.troubled)
      .filter(([, it]) => it.state === 'parked' || it.state === 'rolledBack')
      .map(([id]) => id);
    if (ids.length === 0) return;
    await control.dismissTenants({ fleet: input.fleet, tenants: ids, reason: 'rolled back' });
    const parked = ids.filter((id) => carry.troubled[id]!.state === 'parked');
    await control.markTenants({ rolloutId: input.rolloutId, tenants: parked, state: 'failed' });
    const troubled = { ...carry.troubled };
    for (const id of parked) troubled[id] = { ...troubled[id]!, state: 'failed' };
    wave.carry = {
      ...carry,
      troubled,
      totals: { ...carry.totals, parked: carry.totals.parked - parked.length, failed: carry.totals.failed + parked.length },
    };
  }

  async function finish(state: FinalState): Promise<RolloutReport> {
    book.finish(state, Date.now());
    await condition(() => !writing && !steering);
    await steer();
    await write();
    await endWatch?.();
    const report: RolloutReport = { ...book.progress(), finalState: state, durationMs: Date.now() - book.startedAtMs };
    await control.closeRollout({ fleet: input.fleet, rolloutId: input.rolloutId, finalState: state, progress: report });
    // A webhook that does not answer is told on; it does not keep the next rollout waiting
    if (telling > 0) await condition(() => telling === 0, LAST_NOTICES_MS);
    if (state === 'succeeded') return report;
    // Failed, so that the UI shows it red
    throw ApplicationFailure.create({ type: state, message: `The rollout ended ${state}.`, details: [report], nonRetryable: true });
  }

  /** Carries out what the handlers decided: handlers stay synchronous, so none is ever in flight when the rollout ends. */
  async function keepBooks(): Promise<void> {
    for (let seen = -1; !isFinal(book.state()); ) {
      await condition(() => book.changes !== seen);
      seen = book.changes;
      if (isFinal(book.state())) return;
      writing = true;
      await write();
      writing = false;
    }
  }

  /** Apart from the books: a pause must not wait for the control database. */
  async function keepSteering(): Promise<void> {
    for (;;) {
      await condition(() => book.hasToSay() || isFinal(book.state()));
      if (isFinal(book.state())) return;
      steering = true;
      await steer();
      steering = false;
    }
  }

  async function steer(): Promise<void> {
    for (let next = book.orders.take(book); next; next = book.orders.take(book))
      await getExternalWorkflowHandle(next.to)
        .signal(steerSignal, next.steer)
        .catch(() => undefined); // the wave has just ended: its result says what it did
    for (let next = book.tenantVerbs.shift(); next; next = book.tenantVerbs.shift()) {
      const { verb, ask } = next;
      if (verb === 'rollback') await parkForRollback(ask.tenants);
      await control.signalTenants({ ...ask, fleet: input.fleet, verb });
    }
    for (let ask = book.retries.shift(); ask; ask = book.retries.shift()) void retryParked(input, book, ask).catch(() => undefined);
  }

  /** A tenant that is not parked gets a workflow of its own first, which then takes it back. */
  async function parkForRollback(tenants: readonly string[]): Promise<void> {
    for (const wave of book.waves)
      for (const { host, cell } of wave.plan.hosts)
        await control.parkTenants({
          fleet: input.fleet,
          rolloutId: input.rolloutId,
          planId: input.planId,
          wave: wave.plan.index,
          cell,
          taskQueue: input.taskQueue,
          tenants: (
            await control.findParked({
              fleet: input.fleet,
              rolloutId: input.rolloutId,
              tenants,
              host,
              states: ['applied'],
              wave: wave.plan.index,
            })
          ).map((it) => ({
            tenant: it.tenant,
            host: it.host,
            code: 'FLT_REFUSED',
            message: `${it.tenant}: to be rolled back.`,
            partial: false,
          })),
        });
  }

  async function write(): Promise<void> {
    const state = book.state();
    const progress = book.progress();
    setCurrentDetails(showRollout(progress));
    if (book.plan?.notifies)
      for (const notice of notices.take(progress, book.news?.parked ? book.open?.index : undefined, Date.now())) void notify(notice);
    if (state === written && book.events.length === 0) return;
    if (state !== written) publish({ state });
    written = state;
    await control.recordRollout({ fleet: input.fleet, rolloutId: input.rolloutId, state, events: book.events.splice(0), progress });
  }

  /** Nobody waits for a webhook. */
  async function notify(notice: Notice): Promise<void> {
    telling++;
    const { fleet, rolloutId } = input;
    await notifyActivities(input.taskQueue)
      .notify({ fleet, rolloutId, notice })
      .catch(() => undefined); // the activity has written to the audit trail that nobody answered
    telling--;
  }

  function listen(): void {
    const take = (verb: RolloutVerb) => (ask: Ask) => book.take(verb, ask, Date.now());
    const with_ = (verb: RolloutVerb) => ({ validator: (ask: Ask) => refusing(() => book.validate(verb, ask)), description: HELP[verb] });
    setHandler(pauseUpdate, take('pause'), with_('pause'));
    setHandler(resumeUpdate, take('resume'), with_('resume'));
    setHandler(approveUpdate, take('approve'), with_('approve'));
    setHandler(rejectUpdate, take('reject'), with_('reject'));
    setHandler(skipUpdate, take('skip'), with_('skip'));
    setHandler(retryUpdate, take('retry'), with_('retry'));
    setHandler(speedUpdate, take('speed'), with_('speed'));
    setHandler(abortUpdate, take('abort'), with_('abort'));
    setHandler(rollbackUpdate, take('rollback'), with_('rollback'));
    setHandler(pauseSignal, (ask) => signalled('pause', ask), { description: HELP.pause });
    setHandler(abortSignal, (ask) => signalled('abort', ask), { description: HELP.abort });
    setHandler(tenantResolvedSignal, (it) => {
      if (it.rolloutId === input.rolloutId) book.resolved(it, Date.now());
    });
    setHandler(waveNewsSignal, (news) => book.heard(news));
    setHandler(freezeSignal, (freeze) => book.freezes(freeze ?? undefined));
    setHandler(pinSignal, (news) => book.pins(news));
    setHandler(progressQuery, () => book.progress(), { description: HELP.progress });
    setHandler(explainQuery, () => book.reasons(), { description: HELP.explain });
  }

  /** A signal cannot be refused with an answer: what does not fit is left alone. */
  function signalled(verb: 'pause' | 'abort', ask: Ask): void {
    try {
      book.validate(verb, ask);
    } catch {
      return;
    }
    book.take(verb, ask, Date.now());
  }
}

/** What the book refuses, an update answers with the code. */
function refusing(check: () => void): void {
  try {
    check();
  } catch (error) {
    if (!(error instanceof FlotillaError)) throw error;
    throw ApplicationFailure.create({ type: error.code, message: error.message, nonRetryable: true });
  }
}
