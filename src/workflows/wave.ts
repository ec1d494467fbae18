/**
 * The only dispatcher of its wave, up or down: the one that decides must be the one that dispatches, or budgets overshoot. A window of lists
 * per host, a limit over all, a latched halt. It alone continues-as-new, drained, carrying cursors and what is left.
 */

import { ActivityFailure, ApplicationFailure, TimeoutFailure } from '@temporalio/common';
import {
  CancellationScope,
  condition,
  continueAsNew,
  getExternalWorkflowHandle,
  setCurrentDetails,
  setHandler,
  workflowInfo,
} from '@temporalio/workflow';
import { workflowIds } from '../domain/ids.js';
import type { WaveProgress } from '../domain/rollout/contract.js';
import { unresolved } from '../domain/tenant.js';
import { resolveTuning } from '../domain/tuning.js';
import { WaveBook } from '../domain/wave/book.js';
import { WaveClock } from '../domain/wave/clock.js';
import type { Steer, WaveInput, WaveItem, WaveResult } from '../domain/wave/contract.js';
import { room } from '../domain/wave/failure-budget.js';
import { type HostState, listSize, takesList } from '../domain/wave/host.js';
import { newsOf, noNews } from '../domain/wave/news.js';
import { controlActivities, listActivities, verifyActivities, watchActivities } from './activity-options.js';
import { watchBackfills } from './backfill-watch.js';
import { isCancelled } from './cancelled.js';
import { showWave } from './details.js';
import { steerSignal, waveNewsSignal, waveProgressQuery } from './handlers.js';
import { steadily } from './steady.js';
import { createOutbox } from './wave-outbox.js';

export async function waveWorkflow(input: WaveInput): Promise<WaveResult> {
  const { wave, direction, taskQueue } = input;
  const tuning = resolveTuning(input.tuning);
  const book = new WaveBook(input);
  const clock = new WaveClock(input.carry?.movingMs);
  /** Everything on the way that can be cut short; lists say whom they hold. */
  const scopes = new Map<CancellationScope, { readonly host: HostState; readonly items: readonly WaveItem[] } | undefined>();
  const control = controlActivities(taskQueue);
  let desired: 'run' | 'pause' | 'abort' = input.paused ? 'pause' : 'run';
  let draining = false;
  let over = false;
  let broken: unknown;
  let asking = false;
  let cancelling = false;
  let changes = 0;
  let turn = 0;
  let stalledSinceMs: number | undefined;
  let lastNews = '';

  const changed = () => {
    changes++;
  };
  const outbox = createOutbox(input, book, control, changed);
  const cut = () => {
    for (const scope of scopes.keys()) scope.cancel();
  };
  const guard = (work: Promise<void>) =>
    void work.catch((error) => {
      broken ??= error;
      changed();
    });

  setHandler(steerSignal, obey);
  setHandler(waveProgressQuery, progress);

  return steadily(run, () => obey({ desired: 'abort' }));

  function obey(steer: Steer): void {
    if (steer.limits) book.setLimits(steer.limits);
    if (steer.paces) book.setPaces(steer.paces);
    if (steer.skip) book.skip(steer.skip);
    if (steer.skipHosts) book.skipHosts(steer.skipHosts);
    if (steer.pinned) book.pin(steer.pinned);
    if (steer.skipRest) {
      book.skipRest();
      cut();
    }
    for (const resolved of steer.resolved ?? []) book.resolve(resolved);
    if (steer.halt) book.halt ??= steer.halt;
    if (steer.desired && desired !== 'abort') desired = steer.desired;
    if (desired !== 'run' || book.halt) cut();
    if (desired === 'abort' && steer.inFlight === 'cancel') cancelAll();
    changed();
  }

  async function run(): Promise<WaveResult> {
    guard(keepDeadlines());
    const endWatch = input.backfills ? await watchBackfills(input) : undefined;
    await dispatchAll();
    over = true;
    await endWatch?.();
    if (draining)
      return continueAsNew<typeof waveWorkflow>({
        ...input,
        carry: book.carry(clock.movedMs(Date.now())),
        limits: book.limits,
        paces: book.paces(),
        paused: desired === 'pause',
        ...book.leftOut(),
      });
    if (desired === 'abort') book.giveUp();
    book.closeRest();
    if (direction === 'up' && !book.halt) await verify();
    await settleOutbox();
    setCurrentDetails(showWave(progress()));
    return {
      ended: book.halt ? 'halted' : desired === 'abort' && book.left() ? 'aborted' : 'done',
      ...(book.halt ? { halt: book.halt } : {}),
      carry: book.carry(clock.movedMs(Date.now())),
      ...(book.noEvidence.length > 0 ? { noEvidence: book.noEvidence } : {}),
    };
  }

  /** Everybody who is to be parked or marked is. */
  async function settleOutbox(): Promise<void> {
    await outbox.park();
    await outbox.mark();
    await condition(() => outbox.isIdle() || broken !== undefined);
    if (broken) throw broken;
  }

  async function dispatchAll(): Promise<void> {
    book.judge(); // a wave that goes on after a halt may be over its budget still
    while (!book.halt && desired !== 'abort' && !broken && (book.left() || book.inFlight() > 0)) {
      if (workflowInfo().historyLength > tuning.continueAsNewAfterEvents || workflowInfo().continueAsNewSuggested) {
        draining = true;
        cut();
        break;
      }
      for (const host of book.hosts) if (wantsPage(host)) guard(load(host));
      keepWindows();
      dispatch();
      if (book.toPark.length > 0) guard(outbox.park());
      if (book.toMark.length > 0) guard(outbox.mark());
      keepClock();
      tellNews();
      setCurrentDetails(showWave(progress()));
      const before = changes;
      const due = untilNextDue();
      // Without a deadline no timer: it would cost two events at every wake
      await (due === undefined ? condition(() => changes !== before) : condition(() => changes !== before, due));
    }
    if (book.halt) {
      cut();
      if (book.inFlight() > 0) tellNews();
    }
    await condition(() => book.inFlight() === 0 && book.hosts.every((host) => !host.loading));
    if (broken) throw broken;
    if (draining) await settleOutbox();
    draining = draining && !book.halt && desired !== 'abort' && book.left();
  }

  function wantsPage(host: HostState): boolean {
    return !host.loading && host.cursor < host.tenants && host.queue.length < host.window * tuning.listSize;
  }

  async function load(host: HostState): Promise<void> {
    host.loading = true;
    const limit = Math.min(500, host.tenants - host.cursor);
    try {
      const page = await control.loadTenants({ planId: input.planId, wave: wave.index, host: host.host, from: host.cursor, limit });
      book.take(host, page, limit);
    } finally {
      host.loading = false;
      changed();
    }
  }

  /** Hosts take turns; each gets one list at a time until its window, or the wave's limit, is full. */
  function dispatch(): void {
    const canary = wave.canary && direction === 'up' && input.policy.onBreach !== 'continue';
    const limits = { canary, maxFailures: book.limits.maxFailures, maxConcurrency: book.limits.maxConcurrency };
    for (let idle = 0; desired === 'run' && idle < book.hosts.length && book.inFlight() < room(limits, unresolved(book.totals)); ) {
      const host = book.hosts[turn++ % book.hosts.length]!;
      const now = Date.now();
      const items = takesList(host, now) ? book.next(host, listSize(host, wave, tuning), now) : [];
      if (items.length === 0) idle++;
      else {
        idle = 0;
        guard(runList(host, items));
      }
    }
  }

  async function runList(host: HostState, items: WaveItem[]): Promise<void> {
    const scope = new CancellationScope();
    scopes.set(scope, { host, items });
    host.inFlight++;
    const tenants = items.map((item) => item.id);
    const what = tenants.length === 1 ? tenants[0]! : `${tenants.length} tenants, ${tenants[0]} … ${tenants.at(-1)}`;
    const { migrateTenants } = listActivities(taskQueue, host.cell, `${host.host}: ${what}`.slice(0, 200));
    try {
      const result = await scope.run(() =>
        migrateTenants({
          fleet: input.fleet,
          planId: input.planId,
          rolloutId: input.rolloutId,
          wave: wave.index,
          host: host.host,
          direction,
          ...(input.to === undefined ? {} : { to: input.to }),
          tenants,
          canary: wave.canary,
          again: items[0]!.again || direction === 'down',
          timeBoxMs: tuning.timeBoxMs,
          actor: input.actor,
          force: input.force,
        }),
      );
      book.settle(host, items, result, Date.now(), Math.random);
      if (result.next > 0) {
        clock.progressed(Date.now());
        stalledSinceMs = undefined;
        delete host.files;
        delete host.busy;
        delete host.relapses;
      }
      if (result.hostDown) guard(waitForHost(host, result.hostDown.code));
      if (result.filesDiffer) host.files = waitsFor(host.files, result.filesDiffer.message);
      if (result.hostBusy) host.busy = { ...waitsFor(host.busy, result.hostBusy.message), untilMs: Date.now() + tuning.busyRetryMs };
    } catch (error) {
      lost(host, items, error);
    } finally {
      scopes.delete(scope);
      host.inFlight--;
      if (book.halt) cut();
      changed();
    }
  }

  function waitsFor(before: { readonly sinceMs: number } | undefined, text: string) {
    return { sinceMs: before?.sinceMs ?? Date.now(), text, untilMs: Date.now() + tuning.filesRetryMs };
  }

  /** A list that gave no answer: cancelled before it began, its workers were lost three times, or a worker could not even start it. */
  function lost(host: HostState, items: WaveItem[], error: unknown): void {
    const cause = error instanceof ActivityFailure ? error.cause : undefined;
    // A list that times out after it was cancelled is one lost worker, not three
    const cancelled = isCancelled(error);
    if (!cancelled && cause instanceof TimeoutFailure && items.length === 1) {
      lostForGood(host, items);
      return;
    }
    book.handBack(host, items, cause instanceof TimeoutFailure ? { again: true, alone: true } : { again: true });
    if (cancelled || cause instanceof TimeoutFailure) return;
    if (!(cause instanceof ApplicationFailure)) throw error;
    if (cause.type === 'FLT_CONTROL_UNAVAILABLE' || cause.type === 'FLT_MIGRATION_MISMATCH')
      host.files = waitsFor(host.files, cause.message);
    else book.halt ??= { code: cause.type ?? 'FLT_INTERNAL', text: cause.message };
  }

  /** What happened to a tenant whose workers were lost each time is not known: a person, or a later look at its ledger, decides. */
  function lostForGood(host: HostState, items: WaveItem[]): void {
    const id = items[0]!.id;
    const code = 'FLT_WORKER_LOST';
    const message = `${id}: three workers in a row were lost while they held it.`;
    if (direction === 'up') book.fail(host.host, id, code, message, true);
    else {
      const result = { counts: {}, exceptions: [{ id, outcome: 'rollbackFailed' as const, code, message }], next: 1 };
      book.settle(host, items, result, Date.now(), Math.random);
    }
  }

  async function waitForHost(host: HostState, code: string): Promise<void> {
    if (host.silent) return;
    host.silent = { code, sinceMs: Date.now() };
    const relapses = host.relapses ?? 0;
    host.relapses = relapses + 1;
    changed();
    const scope = new CancellationScope();
    // Several: with a credential or a database of its own one tenant alone may be out of reach
    const tenants = host.queue.slice(0, 5).map((item) => item.id);
    if (tenants.length === 0) {
      delete host.silent;
      return;
    }
    scopes.set(scope, undefined);
    try {
      await scope.run(() =>
        watchActivities(taskQueue, host.cell, `waits for host ${host.host} to answer`).awaitHost({
          host: host.host,
          tenants,
          planId: input.planId,
          relapses,
        }),
      );
      delete host.silent;
    } catch (error) {
      delete host.silent;
      if (!isCancelled(error)) throw error;
    } finally {
      scopes.delete(scope);
      changed();
    }
  }

  /** Every tenant that this rollout applied must have what the canaries got. An abort stops it; a pause interrupts it. */
  async function verify(): Promise<void> {
    if (book.totals.applied > 0) await Promise.all(book.hosts.map(({ host, cell }) => verifyHost(host, cell)));
  }

  async function verifyHost(host: string, cell: string): Promise<void> {
    const { verifyWave } = verifyActivities(taskQueue, cell, `compares ${host} with the canaries`);
    const of = { fleet: input.fleet, planId: input.planId, rolloutId: input.rolloutId, wave: wave.index, host, canary: wave.canary };
    for (;;) {
      tellNews();
      await condition(() => desired !== 'pause');
      if (desired === 'abort') return;
      const scope = new CancellationScope();
      scopes.set(scope, undefined);
      try {
        const { diverged, more = 0 } = await scope.run(() => verifyWave(of));
        for (const { id, message } of diverged) if (!book.troubled.has(id)) book.fail(host, id, 'FLT_DIVERGED', message, true, 'applied');
        if (more > 0) book.halt ??= { code: 'FLT_DIVERGED', text: `${diverged.length + more} tenants on ${host} differ from the canaries` };
        return;
      } catch (error) {
        if (isCancelled(error)) continue;
        const cause = error instanceof ActivityFailure ? error.cause : undefined;
        if (!(cause instanceof ApplicationFailure)) throw error;
        book.halt ??= { code: cause.type ?? 'FLT_INTERNAL', text: cause.message };
        return;
      } finally {
        scopes.delete(scope);
      }
    }
  }

  /** Asks which windows are open, once for all tenants whom the same ones concern; asks again when one opens or closes. */
  function keepWindows(): void {
    if (asking || direction === 'down') return;
    const keys = book.windows.unknown([...book.windowKeys(), ...inHandKeys()], Date.now());
    if (keys.length > 0) guard(askWindows(keys));
  }

  function inHandKeys(): string[] {
    return [...scopes.values()].flatMap((list) => list?.items.flatMap((item) => item.windows ?? []) ?? []);
  }

  async function askWindows(keys: readonly string[]): Promise<void> {
    asking = true;
    try {
      book.windows.learn(await control.windowsAt({ planId: input.planId, keys }));
      for (const [scope, list] of scopes) {
        const cancelled = list?.items.filter((item) => book.windows.cancelsOnClose(item.windows, Date.now())) ?? [];
        if (cancelled.length === 0) continue;
        scope.cancel();
        guard(cancelInHand(list!.host, cancelled));
      }
    } finally {
      asking = false;
      changed();
    }
  }

  function cancelAll(): void {
    if (cancelling) return;
    cancelling = true;
    for (const list of scopes.values()) if (list) guard(cancelInHand(list.host, list.items));
  }

  /** Ends the statements of tenants in hand, until their lists are back. */
  async function cancelInHand(host: HostState, items: readonly WaveItem[]): Promise<void> {
    const held = () => [...scopes.values()].some((list) => list?.items.some((item) => items.includes(item)));
    const scope = new CancellationScope();
    const call = scope.run(() =>
      watchActivities(taskQueue, host.cell, `cancels statements on ${host.host}`).cancelBackends({
        rolloutId: input.rolloutId,
        planId: input.planId,
        host: host.host,
        tenants: items.map((item) => item.id),
      }),
    );
    const ended = call.catch((error) => {
      if (!isCancelled(error)) throw error;
    });
    await condition(() => !held());
    scope.cancel();
    await ended;
  }

  /** Deadlines stand still while it is paused, or while all who are left wait for a window. */
  function keepClock(): void {
    const now = Date.now();
    const outside = book.inFlight() === 0 && book.outsideWindow(now) > 0 && book.stuck(now);
    clock.set(desired === 'run' && !outside, now);
  }

  async function keepDeadlines(): Promise<void> {
    const { waveMs = Number.POSITIVE_INFINITY, progressMs } = input.policy.deadlines;
    while (!over && direction === 'up') {
      await condition(() => clock.isMoving() || over);
      const now = Date.now();
      const left = waveMs - clock.movedMs(now);
      if (left <= 0) {
        book.halt ??= { code: 'FLT_DEADLINE', text: `wave "${wave.name}" took longer than its deadline` };
        cut();
        changed();
        return;
      }
      const idle = progressMs - clock.idleMs(now);
      if (idle <= 0 && stalledSinceMs === undefined) {
        stalledSinceMs = now - clock.idleMs(now);
        changed();
      }
      const told = stalledSinceMs;
      const wake = () => over || !clock.isMoving() || stalledSinceMs !== told;
      const next = Math.min(left, idle > 0 ? idle : Number.POSITIVE_INFINITY);
      await (Number.isFinite(next) ? condition(wake, next) : condition(wake));
    }
  }

  /** Sleeps until the next deferred tenant is due, or a window opens or closes; without either, until something changes. */
  function untilNextDue(): number | undefined {
    const now = Date.now();
    const dues = book.hosts.flatMap((host) => [...host.queue.map((item) => item.dueMs), host.files?.untilMs ?? 0, host.busy?.untilMs ?? 0]);
    const change = book.windows.nextChange([...book.windowKeys(), ...inHandKeys()]);
    const next = [...dues, ...(change === undefined ? [] : [change])].filter((due) => due > now);
    return next.length > 0 && desired === 'run' ? Math.max(10, Math.min(...next) - now) : undefined;
  }

  /** Tells the rollout when what holds the wave up has changed; a handful of signals in a rollout's life. */
  function tellNews(): void {
    const news = newsOf(book, {
      index: wave.index,
      nowMs: Date.now(),
      desired,
      asking,
      stalledSinceMs,
      filesPauseAfterMs: tuning.filesPauseAfterMs,
    });
    const text = JSON.stringify(news);
    if (text === (lastNews || JSON.stringify(noNews(wave.index)))) return;
    lastNews = text;
    guard(
      getExternalWorkflowHandle(workflowIds.rollout(input.fleet))
        .signal(waveNewsSignal, news)
        .catch(() => undefined), // the rollout was terminated: this wave is about to be cancelled
    );
  }

  function progress(): WaveProgress {
    const totals = book.view(Date.now());
    return {
      index: wave.index,
      name: wave.name,
      direction,
      state: book.halt ? 'halted' : direction === 'down' ? 'rollingBack' : 'running',
      tenants: wave.tenants,
      hosts: book.hosts.length,
      totals,
      maxFailures: book.limits.maxFailures,
      maxConcurrency: book.limits.maxConcurrency,
      inFlight: book.inFlight(),
      silentHosts: book.hosts.flatMap((host) => (host.silent ? [{ host: host.host, ...host.silent }] : [])),
      failures: book.groups(),
      failuresTotal: book.failuresTotal,
    };
  }
}
