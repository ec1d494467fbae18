/** Everything a rollout knows: its waves, what is wished for, why it does not move. Pure; `workflows/rollout.ts` acts on what this says. */

import type { Answer, Ask, AuditEvent, Freeze, PinNews, RetryAsk, RolloutVerb, SpeedAsk, TenantResolved } from '../asks.js';
import type { GatePhase } from '../gates.js';
import { backfillOf, type Finding, type RolloutPlan } from '../plan.js';
import { addTotals, noTotals, type Totals, unresolved } from '../tenant.js';
import type { Halt, WaveLimits, WaveNews, WaveResult } from '../wave/contract.js';
import type { Desired, FinalState, Reason, RollbackStatus, RolloutProgress, RolloutState } from './contract.js';
import { type CellReadings, describeReading, GateBoard } from './gate-board.js';
import { Orders } from './orders.js';
import { newRecord, type RollbackOrder, type WaveRecord } from './record.js';
import { applyVerb, validateVerb } from './verbs.js';
import { progressOf, reasonsOf } from './view.js';

/** Who the rollout is. */
export interface RolloutIdentity {
  readonly fleet: string;
  readonly rolloutId: string;
  readonly planId: string;
  readonly actor: string;
  readonly rollbackOf?: string;
}

export interface LatchedHalt extends Halt {
  readonly atMs: number;
}

/** A pause that lasts until a person resumes. Freeze, window, host and files end by themselves and are kept where they come from. */
export interface Pause {
  readonly text: string;
  readonly sinceMs: number;
}

/** Halts after which `onBreach` says what follows. */
const BREACHES = ['FLT_BUDGET_EXCEEDED', 'FLT_DIVERGED', 'FLT_CANARIES_DISAGREE'];

export class RolloutBook {
  readonly input: RolloutIdentity;
  readonly startedAtMs: number;
  plan: RolloutPlan | undefined;
  /** States of tenants that no wave holds. */
  outside: Partial<Totals> = {};
  waves: WaveRecord[] = [];
  desired: Exclude<Desired, 'pause'> = 'run';
  /** With an abort: the statements of tenants in hand are ended. */
  inFlight: 'drain' | 'cancel' = 'drain';
  readonly pauses = new Map<'operator' | 'gate' | 'canary', Pause>();
  freeze: Freeze | undefined;
  phase: 'opening' | 'running' | 'baking' | 'awaitingApproval' | 'rollingBack' | 'rollbackFailed' = 'opening';
  halt: LatchedHalt | undefined;
  /** The wave that runs; it can be steered once its workflow is there. */
  open: { readonly index: number; readonly workflowId: string; readonly there: boolean; readonly direction: 'up' | 'down' } | undefined;
  order: RollbackOrder | undefined;
  rollback: RollbackStatus | undefined;
  final: FinalState | undefined;
  finishedAtMs: number | undefined;
  bakeUntilMs: number | undefined;
  approvalUntilMs: number | undefined;
  skipBake = false;
  skipWave = false;
  sweeps = 0;
  /** A sweep has found nobody, or could not be made. */
  sweptAll = false;
  /** What sweeps came upon. */
  readonly findings: Finding[] = [];
  gates = new GateBoard([]);
  speed: Pick<SpeedAsk, 'maxConcurrency' | 'perHost'> = {};
  /** For the audit trail, not yet written. */
  readonly events: AuditEvent[] = [];
  readonly orders = new Orders();
  readonly retries: RetryAsk[] = [];
  readonly tenantVerbs: { verb: 'skip' | 'rollback'; ask: Ask & { tenants: readonly string[]; force?: boolean } }[] = [];
  /** Counts every change, so that the body can wait for one. */
  changes = 0;
  readonly skipped: string[] = [];
  readonly skippedHosts: string[] = [];
  /** Tenants that may not be started, and until when. */
  readonly pinned = new Map<string, number | undefined>();
  /** Tenants that a rollback leaves as they are. */
  readonly leftOut: string[] = [];
  /** Unresolved failures that the whole rollout bears, as the plan says or a person has accepted since. */
  maxFailures: number | undefined;
  resolvedNow: TenantResolved[] = [];
  #resolvedBefore = 0;
  /** What was said of freezes and pins is newer than what the plan came with. */
  readonly #told = new Set<string>();
  news: WaveNews | undefined;
  readonly #seen = new Map<string, Answer>();

  constructor(input: RolloutIdentity, nowMs: number) {
    this.input = input;
    this.startedAtMs = nowMs;
  }

  adopt(plan: RolloutPlan): void {
    this.plan = plan;
    this.outside = plan.outside;
    this.phase = 'running';
    if (!this.#told.has('freeze')) this.freeze = plan.freeze;
    for (const { tenant, untilMs } of plan.pins ?? []) if (!this.#told.has(`pin ${tenant}`)) this.pinned.set(tenant, untilMs);
    const { policy, waves } = plan.summary;
    this.maxFailures = policy.maxFailures;
    this.gates = new GateBoard(policy.gates);
    this.waves = waves.map(newRecord);
    if (this.input.rollbackOf !== undefined) this.#takeBackAll();
    this.changes++;
  }

  /** A closed rollout is taken back by a new one: any tenant of its plan may have been moved, its ledger knows. */
  #takeBackAll(): void {
    for (const wave of this.waves) Object.assign(wave, { lost: true, state: 'halted', approved: true });
    const { force = false, to } = this.plan!.summary.rollbackOf ?? {};
    this.order = { waves: this.waves, scope: 'rollout', automatic: false, force, ...(to === undefined ? {} : { to }) };
    this.rollback = { scope: 'rollout', automatic: false, refused: [], failed: [], ...(to === undefined ? {} : { to }) };
  }

  // ── What others may order ─────────────────────────────────────────────────────────────────────────────────────────

  /** Refuses before anything happens; a repeated request id always gets through to its first answer. @throws FLT_REFUSED and others */
  validate(verb: RolloutVerb, ask: Ask): void {
    if (!this.#seen.has(ask.requestId)) validateVerb(this, verb, ask);
  }

  /** Carries a verb out as far as state goes, and remembers the answer. */
  take(verb: RolloutVerb, ask: Ask, nowMs: number): Answer {
    const known = this.#seen.get(ask.requestId);
    if (known) return known;
    const { message, subject } = applyVerb(this, verb, ask, nowMs);
    this.events.push({
      actor: ask.actor,
      ...(ask.reason ? { reason: ask.reason } : {}),
      requestId: ask.requestId,
      verb,
      atMs: nowMs,
      ...(subject ? { subject } : {}),
    });
    this.changes++;
    const answer: Answer = { accepted: true, state: this.state(), message };
    this.#seen.set(ask.requestId, answer);
    return answer;
  }

  /** The fleet is frozen, or (undefined) it is not any more. */
  freezes(freeze: Freeze | undefined): void {
    this.#told.add('freeze');
    this.freeze = freeze;
    this.changes++;
  }

  pins({ tenants, pinned, untilMs }: PinNews): void {
    for (const id of tenants) {
      this.#told.add(`pin ${id}`);
      if (pinned) this.pinned.set(id, untilMs);
      else this.pinned.delete(id);
    }
    this.changes++;
  }

  /** When the first freeze or pin that has an end comes to it. */
  nextRelease(): number | undefined {
    const ends = [this.freeze?.untilMs, ...this.pinned.values()].filter((it) => it !== undefined);
    return ends.length > 0 ? Math.min(...ends) : undefined;
  }

  /** Lets go of what has come to its end. */
  release(nowMs: number): void {
    const over = (untilMs: number | undefined) => untilMs !== undefined && untilMs <= nowMs;
    if (over(this.freeze?.untilMs)) this.freeze = undefined;
    for (const [id, untilMs] of this.pinned) if (over(untilMs)) this.pinned.delete(id);
    this.changes++;
  }

  /** A tenantWorkflow has resolved its tenant. */
  resolved(it: TenantResolved, nowMs: number): void {
    this.resolvedNow.push(it);
    this.changes++;
    if (this.open?.index === it.wave) this.orders.resolved(it);
    else this.#count(it);
    if (this.phase === 'rollbackFailed' && !this.order && this.notReturned().length === 0) this.rolledBack(undefined, nowMs);
  }

  #count(it: TenantResolved): void {
    const wave = this.waves[it.wave];
    const trouble = wave?.carry?.troubled[it.tenant];
    if (!wave?.carry || it.resolution === 'failedAgain') return;
    const from = trouble?.state ?? 'applied';
    const totals = { ...wave.carry.totals, [from]: wave.carry.totals[from] - 1 };
    totals[it.resolution] += 1;
    const troubled = { ...wave.carry.troubled };
    if (it.resolution === 'applied') delete troubled[it.tenant];
    else troubled[it.tenant] = { state: it.resolution, code: it.code ?? trouble?.code ?? '', host: trouble?.host ?? '' };
    wave.carry = { ...wave.carry, totals, troubled };
  }

  /** Something waits to be passed on. */
  hasToSay(): boolean {
    return this.orders.waiting(this) || this.tenantVerbs.length > 0 || this.retries.length > 0;
  }

  heard(news: WaveNews): void {
    if (this.open?.index !== news.index) return;
    this.news = news;
    this.changes++;
  }

  /** A cell's watcher has looked at its gates. A gate that fails latches a halt, paused or not. */
  sampled(cell: string, readings: CellReadings, nowMs: number): void {
    this.gates.learn(cell, readings);
    this.changes++;
    const failing = this.gates.failing();
    if (failing && !this.halt && this.phase !== 'rollingBack')
      this.#latch({ code: 'FLT_GATE_FAILED', text: `gate ${describeReading(failing)}` }, nowMs);
    const silent = this.gates.unanswered();
    if (silent.length > 0 && !this.pauses.has('gate'))
      this.pauses.set('gate', { text: `no usable answer from gate ${silent.map(describeReading).join('; ')}`, sinceMs: nowMs });
  }

  /** A wave that runs is told, drains and says so; otherwise the halt holds at once. */
  #latch(halt: Halt, nowMs: number): void {
    if (this.open?.direction === 'up') this.orders.halt(halt);
    else this.halt = { ...halt, atMs: nowMs };
  }

  // ── What the body does ────────────────────────────────────────────────────────────────────────────────────────────

  /** Something else than the next wave has to be done. */
  interrupted(): boolean {
    return this.desired === 'abort' || this.order !== undefined;
  }

  /** Nobody may be started on the way up. */
  held(): boolean {
    return this.pauses.size > 0 || this.freeze !== undefined;
  }

  /** Its waves hold backfills; one that is run alone is shown beside the rollout. */
  fills(): boolean {
    return this.backfillOf() === undefined && (this.plan?.summary.migrations.some(({ backfill }) => backfill) ?? false);
  }

  /** The migration whose backfill is all that this rollout runs. */
  backfillOf(): string | undefined {
    return this.plan && backfillOf(this.plan.summary);
  }

  nextWave(): WaveRecord | undefined {
    return this.waves.find((wave) => wave.state !== 'done' && wave.state !== 'skipped');
  }

  began(wave: WaveRecord, direction: 'up' | 'down', workflowId: string): void {
    wave.state = direction === 'up' ? 'running' : 'rollingBack';
    this.open = { index: wave.plan.index, workflowId, there: false, direction };
    this.phase = direction === 'up' ? 'running' : 'rollingBack';
    this.#resolvedBefore = this.resolvedNow.length;
    this.orders.begin(this);
    this.changes++;
  }

  /** The wave's workflow is there: what was said meanwhile can reach it. */
  there(): void {
    if (this.open) this.open = { ...this.open, there: true };
    this.changes++;
  }

  ended(wave: WaveRecord, result: WaveResult, nowMs: number): void {
    const unheard = this.#closed();
    wave.carry = result.carry;
    wave.lost = false;
    wave.noEvidence.push(...(result.noEvidence ?? []));
    // What was resolved at the wave's end may not have reached it; counting it twice changes nothing
    for (const it of this.resolvedNow.slice(this.#resolvedBefore)) {
      const trouble = wave.carry.troubled[it.tenant];
      if (it.wave === wave.plan.index && trouble && trouble.code !== 'FLT_DIVERGED') this.#count(it);
    }
    if (result.halt) {
      wave.state = 'halted';
      this.halt = { ...result.halt, atMs: nowMs };
    } else if (result.ended === 'done') {
      wave.settled = true;
      wave.state = this.skipWave ? 'skipped' : 'done';
      wave.bakeLeftMs = wave.plan.tenants === 0 ? 0 : wave.plan.bakeMs + (this.nextWave() ? 0 : this.plan!.summary.policy.finalBakeMs);
      if (unheard) this.halt = { ...unheard, atMs: nowMs };
    } else if (!this.interrupted()) this.#lostWave(wave, 'was cancelled in Temporal', nowMs);
    this.skipWave = false;
    this.changes++;
  }

  /** How far a rollback came in a wave. Answers whether it went through it to the end. */
  endedDown(wave: WaveRecord, result: WaveResult, nowMs: number): boolean {
    this.#closed();
    wave.down = result.carry.hosts;
    wave.lost = false;
    wave.carry = { ...result.carry, hosts: wave.carry?.hosts ?? [] };
    const done = result.ended === 'done';
    wave.state = done ? 'rolledBack' : 'halted';
    wave.settled = false;
    if (result.halt) this.halt = { ...result.halt, atMs: nowMs };
    else if (!done && this.desired !== 'abort')
      this.halt = { code: 'FLT_REFUSED', text: `the rollback of wave "${wave.plan.name}" was cancelled in Temporal`, atMs: nowMs };
    this.changes++;
    return done;
  }

  /** The wave's workflow gave no result: what it did is in the ledgers, and is found there when the wave goes on. */
  lost(wave: WaveRecord, why: string, nowMs: number): void {
    this.#closed();
    wave.lost = true;
    this.#lostWave(wave, why, nowMs);
    this.changes++;
  }

  #lostWave(wave: WaveRecord, why: string, nowMs: number): void {
    wave.state = 'halted';
    this.halt = { code: 'FLT_REFUSED', text: `wave "${wave.plan.name}" ${why}`, atMs: nowMs };
  }

  #closed(): Halt | undefined {
    this.open = undefined;
    this.news = undefined;
    return this.orders.end();
  }

  /** A wave that has settled and has not baked long enough. */
  unbaked(): WaveRecord | undefined {
    return this.waves.find((wave) => wave.settled && wave.bakeLeftMs > 0 && (wave.state === 'done' || wave.state === 'skipped'));
  }

  /** The gates of a phase are looked at from now on; undefined: none are. */
  lookAt(phase: GatePhase | undefined): void {
    const wave = phase === 'bake' ? this.bakingWave() : this.nextWave();
    this.gates.begin(phase, [...new Set((wave?.plan.hosts ?? []).map(({ cell }) => cell))].sort());
    this.changes++;
  }

  /** Hosts of a cell that the wave which the gates are about has tenants on. */
  hostsWatched(cell: string): string[] {
    const wave = this.gates.phase === 'bake' ? this.bakingWave() : this.nextWave();
    return (wave?.plan.hosts ?? []).filter((it) => it.cell === cell).map(({ host }) => host);
  }

  /** Nobody approved in time. */
  approvalExpired(wave: WaveRecord, then: 'halt' | 'abort', nowMs: number): void {
    const text = `nobody approved wave "${wave.plan.name}" in time`;
    if (then === 'halt') this.halt = { code: 'FLT_APPROVAL_EXPIRED', text, atMs: nowMs };
    else this.take('abort', { actor: 'flotilla', reason: text, requestId: `approval-expired-${wave.plan.index}` }, nowMs);
    this.changes++;
  }

  /** What onBreach or onGateFail asks for after a halt. */
  breach(wave: WaveRecord): void {
    const { onBreach, onGateFail } = this.plan!.summary.policy;
    const code = this.halt?.code ?? '';
    const what = code === 'FLT_GATE_FAILED' ? onGateFail : BREACHES.includes(code) ? onBreach : 'halt';
    if (this.order || (what !== 'rollbackWave' && what !== 'rollbackRollout')) return;
    const all = what === 'rollbackRollout';
    this.order = { waves: all ? this.waves : [wave], scope: all ? 'rollout' : 'wave', automatic: true, force: false };
    this.changes++;
  }

  /** A rollback of everything is complete: every tenant that this rollout moved is back. */
  isBack(): boolean {
    return this.phase === 'running' && !this.halt && !this.order && this.rollback?.scope === 'rollout' && this.#allBack();
  }

  #allBack(): boolean {
    return this.waves.every(
      (wave) =>
        !wave.lost &&
        (!wave.carry || (wave.carry.totals.applied === 0 && wave.carry.totals.rollbackFailed === 0 && wave.carry.totals.parked === 0)),
    );
  }

  /** Tenants that a rollback could not return, and that nobody has dealt with since. */
  notReturned(): { tenant: string; code: string }[] {
    return this.waves.flatMap((wave) =>
      Object.entries(wave.carry?.troubled ?? {})
        .filter(([, it]) => it.state === 'rollbackFailed')
        .map(([tenant, { code }]) => ({ tenant, code })),
    );
  }

  /** Waves that a rollback has something to do in. */
  toRollBack(order: RollbackOrder): readonly WaveRecord[] {
    const back = (wave: WaveRecord) =>
      wave.state === 'rolledBack' && wave.carry!.totals.applied === 0 && wave.carry!.totals.rollbackFailed === 0;
    return order.waves.filter((wave) => wave.lost || (wave.carry && !back(wave))).reverse();
  }

  /** A rollback has come to its end, or a person has dealt with the last tenant that it could not return. */
  rolledBack(halted: LatchedHalt | undefined, nowMs: number): void {
    const failed = this.notReturned();
    this.rollback = { ...this.rollback!, failed };
    this.phase = failed.length > 0 ? 'rollbackFailed' : 'running';
    this.changes++;
    if (failed.length > 0 || this.halt) return;
    if (this.#allBack()) this.rollback = { ...this.rollback, scope: 'rollout' };
    else this.halt = { ...(halted ?? { code: 'FLT_REFUSED', text: 'a wave was rolled back; earlier waves stay applied' }), atMs: nowMs };
  }

  unresolved(): number {
    return unresolved(this.totals());
  }

  /** The limits of a wave as they are now. */
  limits(wave: WaveRecord): WaveLimits {
    const { maxConcurrency, perHost } = this.speed;
    // A canary has one tenant in hand whatever the others may
    const faster = wave.plan.canary ? {} : { ...(maxConcurrency === undefined ? {} : { maxConcurrency }) };
    const allowance = this.#allowance(wave);
    return {
      maxFailures: wave.maxFailures,
      maxConcurrency: wave.plan.maxConcurrency,
      ...faster,
      ...(perHost === undefined || wave.plan.canary ? {} : { perHost }),
      ...(allowance === undefined ? {} : { allowance }),
    };
  }

  /** Failures that the whole rollout still bears, beyond those of the given wave. */
  #allowance(wave: WaveRecord): number | undefined {
    const limit = this.maxFailures;
    if (limit === undefined) return undefined;
    const others = this.waves.filter((it) => it !== wave).reduce((n, it) => n + (it.carry ? unresolved(it.carry.totals) : 0), 0);
    return Math.max(0, limit - others);
  }

  finish(state: FinalState, nowMs: number): void {
    this.final = state;
    this.finishedAtMs = nowMs;
    this.halt = undefined;
    this.changes++;
  }

  // ── What others see ───────────────────────────────────────────────────────────────────────────────────────────────

  state(): RolloutState {
    if (this.final) return this.final;
    if (this.isBack()) return 'rolledBack';
    if (this.phase === 'rollingBack' || this.phase === 'rollbackFailed') return this.phase;
    if (this.halt) return this.open ? 'draining' : 'halted';
    if (this.desired === 'abort' || this.orders.halting() || this.news?.halt || (this.order && this.open)) return 'draining';
    // Nothing holds a rollback that was ordered
    if (this.held() && !this.order) return this.open && !this.news?.drained ? 'draining' : 'paused';
    if (this.open && this.news?.stuck) return 'paused';
    if (this.phase === 'opening') return 'running';
    return this.phase;
  }

  reasons(): readonly Reason[] {
    return reasonsOf(this);
  }

  totals(): Totals {
    const ofWaves = this.waves.map((wave) => wave.carry?.totals ?? { ...noTotals(), pending: wave.plan.tenants });
    const sum = addTotals(this.outside, ...ofWaves);
    if (!this.final) return sum;
    const untouched = sum.pending + sum.deferred + sum.running;
    return { ...sum, pending: 0, deferred: 0, running: 0, cancelled: sum.cancelled + untouched };
  }

  progress(): RolloutProgress {
    return progressOf(this);
  }

  /** The last wave that settled. */
  bakingWave(): WaveRecord | undefined {
    return this.waves.filter((wave) => wave.settled).at(-1);
  }
}
