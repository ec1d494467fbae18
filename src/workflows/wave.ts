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
  isCancellation,
  setCurrentDetails,
  setHandler,
  workflowInfo,
} from '@temporalio/workflow';
import { room } from '../domain/failure-budget.js';
import { workflowIds } from '../domain/ids.js';
import type { WaveProgress } from '../domain/rollout.js';
import { unresolved } from '../domain/tenant.js';
import { resolveTuning } from '../domain/tuning.js';
import { controlActivities, listActivities, verifyActivities, watchActivities } from './activity-options.js';
import { showWave } from './details.js';
import { steerSignal, waveNewsSignal, waveProgressQuery } from './handlers.js';
import { steadily } from './steady.js';
import type { WaveInput, WaveItem, WaveNews, WaveResult } from './wave-contract.js';
import { type HostState, WaveBook } from './wave-state.js';

export async function waveWorkflow(input: WaveInput): Promise<WaveResult> {
  const { wave, direction, taskQueue } = input;
  const tuning = resolveTuning(input.tuning);
  const book = new WaveBook(input);
  const lists = new Set<CancellationScope>();
  const control = controlActivities(taskQueue);
  const small = wave.canary || wave.tenants <= tuning.smallWave;
  let desired: 'run' | 'pause' | 'abort' = input.paused ? 'pause' : 'run';
  let draining = false;
  let broken: unknown;
  /** Calls on the way that park or mark somebody. */
  let sending = 0;
  let changes = 0;
  let turn = 0;
  let lastNews = '';

  const changed = () => {
    changes++;
  };
  const cut = () => {
    for (const scope of lists) scope.cancel();
  };
  const guard = (work: Promise<void>) =>
    void work.catch((error) => {
      broken ??= error;
      changed();
    });

  setHandler(steerSignal, (steer) => {
    if (steer.skip) book.skip(steer.skip);
    if (steer.skipRest) {
      book.skipRest();
      cut();
    }
    for (const resolved of steer.resolved ?? []) book.resolve(resolved);
    if (steer.desired && desired !== 'abort') desired = steer.desired;
    if (desired !== 'run') cut();
    changed();
  });
  setHandler(waveProgressQuery, progress);

  return steadily(run, () => {
    desired = 'abort';
    cut();
    changed();
  });

  async function run(): Promise<WaveResult> {
    await dispatchAll();
    if (draining)
      return continueAsNew<typeof waveWorkflow>({
        ...input,
        carry: book.carry(),
        paused: desired === 'pause',
        skip: book.skips(),
      });
    book.closeRest();
    if (direction === 'up' && !book.halt) await verify();
    await settleOutbox();
    setCurrentDetails(showWave(progress()));
    return {
      ended: book.halt ? 'halted' : desired === 'abort' && book.left() ? 'aborted' : 'done',
      ...(book.halt ? { halt: book.halt } : {}),
      carry: book.carry(),
    };
  }

  /** Everybody who is to be parked or marked is. */
  async function settleOutbox(): Promise<void> {
    await park();
    await mark();
    await condition(() => sending === 0 || broken !== undefined);
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
      dispatch();
      if (book.toPark.length > 0) guard(park());
      if (book.toMark.length > 0) guard(mark());
      tellNews();
      setCurrentDetails(showWave(progress()));
      const before = changes;
      const due = untilNextDue();
      // Without a deadline no timer: it would cost two events at every wake
      await (due === undefined ? condition(() => changes !== before) : condition(() => changes !== before, due));
    }
    if (book.halt) cut();
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
    const limits = { canary, maxFailures: input.maxFailures, maxConcurrency: wave.maxConcurrency };
    for (let idle = 0; desired === 'run' && idle < book.hosts.length && book.inFlight() < room(limits, unresolved(book.totals)); ) {
      const host = book.hosts[turn++ % book.hosts.length]!;
      const items = ready(host) ? book.next(host, listSize(host), Date.now()) : [];
      if (items.length === 0) idle++;
      else {
        idle = 0;
        guard(runList(host, items));
      }
    }
  }

  function ready(host: HostState): boolean {
    return host.inFlight < host.window && !host.silent && !(host.files && host.files.untilMs > Date.now());
  }

  /** Small waves show every tenant as a line of its own; near the end lists shrink, so that all slots stay busy. */
  function listSize(host: HostState): number {
    if (small || host.files) return 1;
    const left = host.queue.length + host.tenants - host.cursor;
    return Math.max(1, Math.min(tuning.listSize, Math.ceil(left / (host.window * 2))));
  }

  async function runList(host: HostState, items: WaveItem[]): Promise<void> {
    const scope = new CancellationScope();
    lists.add(scope);
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
          tenants,
          canary: wave.canary,
          again: items[0]!.again || direction === 'down',
          timeBoxMs: tuning.timeBoxMs,
          actor: input.actor,
          force: input.force,
        }),
      );
      book.settle(host, items, result, Date.now(), Math.random);
      if (result.hostDown) guard(waitForHost(host, result.hostDown.code));
      if (result.filesDiffer)
        host.files = {
          sinceMs: host.files?.sinceMs ?? Date.now(),
          text: result.filesDiffer.message,
          untilMs: Date.now() + tuning.filesRetryMs,
        };
      else if (result.next > 0) delete host.files;
      if (result.next > 0) delete host.relapses;
    } catch (error) {
      lost(host, items, error);
    } finally {
      lists.delete(scope);
      host.inFlight--;
      if (book.halt) cut();
      changed();
    }
  }

  /** A list that gave no answer: cancelled before it began, its workers were lost three times, or a worker could not even start it. */
  function lost(host: HostState, items: WaveItem[], error: unknown): void {
    const cause = error instanceof ActivityFailure ? error.cause : undefined;
    // A list that times out after it was cancelled is not tried again by the server: that is one lost worker, not three
    const cancelled = isCancellation(error) || (error instanceof ActivityFailure && error.retryState === 'CANCEL_REQUESTED');
    if (!cancelled && cause instanceof TimeoutFailure && items.length === 1) {
      lostForGood(host, items);
      return;
    }
    book.handBack(host, items, cause instanceof TimeoutFailure ? { again: true, alone: true } : { again: true });
    if (cancelled || cause instanceof TimeoutFailure) return;
    if (!(cause instanceof ApplicationFailure)) throw error;
    if (cause.type === 'FLT_CONTROL_UNAVAILABLE' || cause.type === 'FLT_MIGRATION_MISMATCH')
      host.files = { sinceMs: host.files?.sinceMs ?? Date.now(), text: cause.message, untilMs: Date.now() + tuning.filesRetryMs };
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
    lists.add(scope);
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
      if (!isCancellation(error)) throw error;
    } finally {
      lists.delete(scope);
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
      lists.add(scope);
      try {
        const { diverged, more = 0 } = await scope.run(() => verifyWave(of));
        for (const { id, message } of diverged) if (!book.troubled.has(id)) book.fail(host, id, 'FLT_DIVERGED', message, true, 'applied');
        if (more > 0) book.halt ??= { code: 'FLT_DIVERGED', text: `${diverged.length + more} tenants on ${host} differ from the canaries` };
        return;
      } catch (error) {
        if (isCancellation(error)) continue;
        const cause = error instanceof ActivityFailure ? error.cause : undefined;
        if (!(cause instanceof ApplicationFailure)) throw error;
        book.halt ??= { code: cause.type ?? 'FLT_INTERNAL', text: cause.message };
        return;
      } finally {
        lists.delete(scope);
      }
    }
  }

  async function park(): Promise<void> {
    sending++;
    try {
      await parkAll();
    } finally {
      sending--;
    }
  }

  async function parkAll(): Promise<void> {
    while (book.toPark.length > 0) {
      const batch = book.toPark.splice(0, 50);
      const byCell = new Map<string, typeof batch>();
      for (const it of batch) {
        const cell = book.hosts.find(({ host }) => host === it.host)!.cell;
        byCell.set(cell, [...(byCell.get(cell) ?? []), it]);
      }
      for (const [cell, tenants] of byCell)
        await control.parkTenants({
          fleet: input.fleet,
          rolloutId: input.rolloutId,
          planId: input.planId,
          wave: wave.index,
          cell,
          taskQueue,
          tenants,
        });
      book.parked(batch.map((it) => it.tenant));
      changed();
    }
  }

  async function mark(): Promise<void> {
    sending++;
    try {
      while (book.toMark.length > 0)
        await control.markTenants({
          rolloutId: input.rolloutId,
          tenants: book.toMark.splice(0, 500),
          state: 'skipped',
          reason: 'skipped by an operator',
        });
    } finally {
      sending--;
    }
  }

  /** Sleeps until the next deferred tenant is due; without one, until something changes. */
  function untilNextDue(): number | undefined {
    const now = Date.now();
    const dues = book.hosts
      .flatMap((host) => [...host.queue.map((item) => item.dueMs), host.files?.untilMs ?? 0])
      .filter((due) => due > now);
    return dues.length > 0 && desired === 'run' ? Math.max(10, Math.min(...dues) - now) : undefined;
  }

  /** Tells the rollout when what holds the wave up has changed; a handful of signals in a rollout's life. */
  function tellNews(): void {
    const silentHosts = book.hosts.flatMap((host) => (host.silent ? [{ host: host.host, ...host.silent }] : []));
    const files = book.hosts.flatMap((host) =>
      host.files && Date.now() - host.files.sinceMs >= tuning.filesPauseAfterMs ? [host.files] : [],
    )[0];
    const news: WaveNews = {
      index: wave.index,
      silentHosts,
      ...(files ? { filesSinceMs: files.sinceMs, filesText: files.text } : {}),
      drained: desired === 'pause' && book.inFlight() === 0,
      stuck:
        book.hosts.filter((host) => host.queue.length > 0 || host.cursor < host.tenants).every((host) => host.silent || host.files) &&
        book.inFlight() === 0,
    };
    const text = JSON.stringify(news);
    if (text === lastNews || (lastNews === '' && silentHosts.length === 0 && !files && !news.drained)) return;
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
      maxFailures: input.maxFailures,
      maxConcurrency: wave.maxConcurrency,
      inFlight: book.inFlight(),
      silentHosts: book.hosts.flatMap((host) => (host.silent ? [{ host: host.host, ...host.silent }] : [])),
      failures: book.groups(),
      failuresTotal: book.failuresTotal,
    };
  }
}
