/** What others see of a rollout: why it does not move, and where it stands. Reads the book, changes nothing. */

import type { FailureGroup, Reason, RolloutProgress, WaveProgress } from '../domain/rollout.js';
import { noTotals } from '../domain/tenant.js';
import type { RolloutBook, WaveRecord } from './rollout-book.js';

/** Every reason why it does not move; empty when it moves or is over. */
export function reasonsOf(book: RolloutBook): Reason[] {
  if (book.final) return [];
  const reasons: Reason[] = [];
  if (book.pausedBy && book.desired === 'pause')
    reasons.push({
      kind: 'operator',
      text: `${book.pausedBy.actor} paused it${book.pausedBy.reason ? `: "${book.pausedBy.reason}"` : ''}; go on with "flotilla resume"`,
      clears: 'person',
      sinceMs: book.pausedBy.atMs,
    });
  if (book.halt)
    reasons.push({
      kind:
        book.halt.code === 'FLT_BUDGET_EXCEEDED'
          ? 'budget'
          : book.halt.code === 'FLT_DIVERGED' || book.halt.code === 'FLT_CANARIES_DISAGREE'
            ? 'divergence'
            : 'operator',
      text: book.halt.text,
      clears: 'person',
      sinceMs: book.halt.atMs,
    });
  for (const refused of book.rollback?.refused ?? [])
    reasons.push({ kind: 'rollback', text: `not rolled back: ${refused.migration}: ${refused.why}`, clears: 'person' });
  if (book.phase === 'rollbackFailed')
    reasons.push({ kind: 'rollback', text: `${book.rollback?.failed.length ?? 0} tenants could not be returned`, clears: 'person' });
  for (const host of book.news?.silentHosts ?? [])
    reasons.push({
      kind: 'host',
      text: `${host.host} does not answer (${host.code}); its tenants wait`,
      clears: 'itself',
      sinceMs: host.sinceMs,
      host: host.host,
    });
  if (book.news?.filesSinceMs !== undefined)
    reasons.push({
      kind: 'files',
      text: book.news.filesText ?? 'no worker has the files of the plan',
      clears: 'itself',
      sinceMs: book.news.filesSinceMs,
    });
  if (book.phase === 'awaitingApproval' && book.approvalUntilMs !== undefined)
    reasons.push({
      kind: 'approval',
      text: `wave "${book.nextWave()?.plan.name}" waits for approval`,
      clears: 'person',
      untilMs: book.approvalUntilMs,
    });
  if (book.phase === 'baking' && book.bakeUntilMs !== undefined)
    reasons.push({ kind: 'bake', text: 'the bake time runs', clears: 'itself', untilMs: book.bakeUntilMs });
  if (book.state() === 'draining') reasons.push({ kind: 'drain', text: 'tenants in hand finish; no other is started', clears: 'itself' });
  return reasons;
}

export function progressOf(book: RolloutBook): RolloutProgress {
  const state = book.state();
  const awaiting = book.phase === 'awaitingApproval' ? book.nextWave() : undefined;
  return {
    fleet: book.input.fleet,
    rolloutId: book.input.rolloutId,
    planId: book.input.planId,
    digest: book.plan?.summary.digest ?? '',
    actor: book.input.actor,
    state,
    desired: book.desired,
    reasons: reasonsOf(book),
    totals: book.totals(),
    waves: book.waves.map((wave) => viewOf(book, wave)),
    ...(book.open ? { openWave: book.open } : {}),
    failures: mergeGroups(book.waves.flatMap((wave) => wave.carry?.failures ?? [])),
    failuresTotal: book.waves.reduce((n, wave) => n + (wave.carry?.failuresTotal ?? 0), 0),
    startedAtMs: book.startedAtMs,
    ...(book.finishedAtMs === undefined ? {} : { finishedAtMs: book.finishedAtMs }),
    ...(awaiting && book.approvalUntilMs !== undefined
      ? { approval: { wave: awaiting.plan.name, digest: book.plan!.summary.digest, expiresAtMs: book.approvalUntilMs } }
      : {}),
    ...(book.rollback ? { rollback: book.rollback } : {}),
  };
}

function viewOf(book: RolloutBook, wave: WaveRecord): WaveProgress {
  const baking = book.phase === 'baking' && book.bakingWave() === wave;
  return {
    index: wave.plan.index,
    name: wave.plan.name,
    direction: wave.state === 'rollingBack' ? 'down' : 'up',
    state: baking ? 'baking' : wave.state,
    tenants: wave.plan.tenants,
    hosts: wave.plan.hosts.length,
    totals: wave.carry?.totals ?? { ...noTotals(), pending: wave.plan.tenants },
    maxFailures: wave.maxFailures,
    maxConcurrency: wave.plan.maxConcurrency,
    inFlight: 0,
    failures: wave.carry?.failures ?? [],
    failuresTotal: wave.carry?.failuresTotal ?? 0,
    silentHosts: book.open?.index === wave.plan.index ? (book.news?.silentHosts ?? []) : [],
  };
}

function mergeGroups(groups: readonly FailureGroup[]): FailureGroup[] {
  const merged = new Map<string, FailureGroup>();
  for (const group of groups) {
    const has = merged.get(group.code);
    merged.set(
      group.code,
      has ? { ...has, count: has.count + group.count, tenants: [...has.tenants, ...group.tenants].slice(0, 5) } : group,
    );
  }
  return [...merged.values()].sort((a, b) => b.count - a.count);
}
