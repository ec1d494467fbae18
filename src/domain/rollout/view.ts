/** What others see of a rollout: why it does not move, and where it stands. Reads the book, changes nothing. */

import { noTotals } from '../tenant.js';
import type { RolloutBook } from './book.js';
import type { FailureGroup, GateReading, Reason, RolloutProgress, WaveProgress } from './contract.js';
import { describeReading } from './gate-board.js';
import type { WaveRecord } from './record.js';

const KINDS_OF_HALT: Readonly<Record<string, Reason['kind']>> = {
  FLT_BUDGET_EXCEEDED: 'budget',
  FLT_SAME_ERROR: 'sameError',
  FLT_DIVERGED: 'divergence',
  FLT_CANARIES_DISAGREE: 'divergence',
  FLT_GATE_FAILED: 'gate',
  FLT_DEADLINE: 'deadline',
  FLT_APPROVAL_EXPIRED: 'approval',
  FLT_REJECTED: 'approval',
};

/** Every reason why it does not move, the ones that a person can change first; empty when it moves or is over. */
export function reasonsOf(book: RolloutBook): Reason[] {
  if (book.final) return [];
  const { halt, freeze, news } = book;
  const reasons: Reason[] = [];
  const person = (kind: Reason['kind'], text: string, more: Partial<Reason> = {}) =>
    void reasons.push({ kind, text, clears: 'person', ...more });
  const itself = (kind: Reason['kind'], text: string, more: Partial<Reason> = {}) =>
    void reasons.push({ kind, text, clears: 'itself', ...more });

  if (halt) person(KINDS_OF_HALT[halt.code] ?? 'operator', halt.text, { sinceMs: halt.atMs });
  else if (news?.halt) person(KINDS_OF_HALT[news.halt.code] ?? 'operator', news.halt.text);
  for (const [kind, { text, sinceMs }] of book.pauses) person(kind, text, { sinceMs });
  for (const refused of book.rollback?.refused ?? []) person('rollback', `not rolled back: ${refused.migration}: ${refused.why}`);
  if (book.phase === 'rollbackFailed') person('rollback', `${book.rollback?.failed.length ?? 0} tenants could not be returned`);
  if (book.phase === 'awaitingApproval' && book.approvalUntilMs !== undefined)
    person('approval', `wave "${book.nextWave()?.plan.name}" waits for approval`, { untilMs: book.approvalUntilMs });
  if (freeze) {
    const text = `${freeze.actor} froze the fleet: "${freeze.reason}"`;
    if (freeze.untilMs === undefined) person('freeze', `${text}; lift it with "flotilla freeze --lift"`, { sinceMs: freeze.sinceMs });
    else itself('freeze', text, { sinceMs: freeze.sinceMs, untilMs: freeze.untilMs });
  }
  for (const host of news?.silentHosts ?? [])
    itself('host', `${host.host} does not answer (${host.code}); its tenants wait`, { sinceMs: host.sinceMs, host: host.host });
  for (const host of news?.busyHosts ?? []) itself('host', host.text, { sinceMs: host.sinceMs, host: host.host });
  if (news?.filesSinceMs !== undefined)
    itself('files', news.filesText ?? 'no worker has the files of the plan', { sinceMs: news.filesSinceMs });
  if (news?.window) {
    const { waiting, opensAtMs } = news.window;
    const who = waiting === 1 ? 'one tenant waits for its window' : `${waiting} tenants wait for their window`;
    if (opensAtMs === undefined) person('window', `${who}, which does not open within a year`);
    else itself('window', who, { untilMs: opensAtMs });
  }
  if (!halt)
    for (const reading of book.gates.slowing())
      itself('gate', `${describeReading(reading)}; ${effectOf(book, reading)}`, {
        sinceMs: reading.sinceMs,
        ...(reading.host === undefined ? {} : { host: reading.host }),
      });
  if (book.gates.phase === 'pre' && !book.gates.complete()) itself('gate', 'the gates are looked at before the wave begins');
  if (news?.stalledSinceMs !== undefined)
    person('progress', 'no tenant has settled for longer than the progress deadline', { sinceMs: news.stalledSinceMs });
  if (book.phase === 'baking') {
    const silent = !book.gates.complete() || book.gates.unanswered().length > 0;
    const text = silent ? 'the bake time stands still until every gate answers' : 'the bake time runs';
    itself('bake', text, book.bakeUntilMs === undefined || silent ? {} : { untilMs: book.bakeUntilMs });
  }
  if (book.state() === 'draining') itself('drain', 'tenants in hand finish; no other is started');
  return [...reasons.filter((it) => it.clears === 'person'), ...reasons.filter((it) => it.clears === 'itself')];
}

/** What follows from a gate that does not pass. */
function effectOf(book: RolloutBook, { verdict }: GateReading): string {
  if (book.gates.phase === 'pre') return 'the wave waits';
  return `${verdict === 'hold' ? 'nothing is started' : 'it goes slower'} there`;
}

export function progressOf(book: RolloutBook): RolloutProgress {
  const awaiting = book.phase === 'awaitingApproval' ? book.nextWave() : undefined;
  const { fleet, rolloutId, planId, actor, rollbackOf } = book.input;
  const backfillOf = book.backfillOf();
  return {
    fleet,
    rolloutId,
    planId,
    digest: book.plan?.summary.digest ?? '',
    actor,
    state: book.state(),
    desired: book.desired === 'abort' ? 'abort' : book.pauses.has('operator') ? 'pause' : 'run',
    reasons: reasonsOf(book),
    totals: book.totals(),
    waves: book.waves.map((wave) => viewOf(book, wave)),
    ...(book.open
      ? { openWave: { ...book.open, ...(book.open.direction === 'up' && book.fills() ? { backfills: true as const } : {}) } }
      : {}),
    failures: mergeGroups(book.waves.flatMap((wave) => wave.carry?.failures ?? [])),
    failuresTotal: book.waves.reduce((n, wave) => n + (wave.carry?.failuresTotal ?? 0), 0),
    startedAtMs: book.startedAtMs,
    ...(book.finishedAtMs === undefined ? {} : { finishedAtMs: book.finishedAtMs }),
    ...(awaiting && book.approvalUntilMs !== undefined
      ? { approval: { wave: awaiting.plan.name, digest: book.plan!.summary.digest, expiresAtMs: book.approvalUntilMs } }
      : {}),
    ...(book.rollback ? { rollback: book.rollback } : {}),
    ...(rollbackOf === undefined ? {} : { rollbackOf }),
    ...(backfillOf === undefined ? {} : { backfillOf }),
    gates: book.gates.view(),
    ...(Object.keys(book.speed).length > 0 ? { speed: book.speed } : {}),
    sweeps: book.sweeps,
    ...(book.findings.length > 0 ? { findings: book.findings } : {}),
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
    maxConcurrency: book.limits(wave).maxConcurrency,
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
