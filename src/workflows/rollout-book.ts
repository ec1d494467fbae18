/** Everything a rollout knows: its waves, what is wished for, why it does not move. No I/O; `rollout.ts` acts on what this says. */

import { ApplicationFailure } from '@temporalio/common';
import type { AuditEvent } from '../activities/contract.js';
import { exceeded } from '../domain/failure-budget.js';
import type { PlannedWave, RolloutPlan } from '../domain/plan.js';
import type { Desired, Reason, RollbackStatus, RolloutProgress, RolloutState, WaveState } from '../domain/rollout.js';
import { type FinalState, isFinal } from '../domain/rollout.js';
import { addTotals, noTotals, type Totals, unresolved } from '../domain/tenant.js';
import type {
  Answer,
  ApproveAsk,
  Ask,
  ResumeAsk,
  RetryAsk,
  RollbackAsk,
  RolloutInput,
  RolloutVerb,
  SkipAsk,
  Steer,
  TenantResolved,
} from './messages.js';
import { progressOf, reasonsOf } from './rollout-view.js';
import type { Halt, HostCarry, WaveCarry, WaveNews, WaveResult } from './wave-contract.js';

export interface WaveRecord {
  readonly plan: PlannedWave;
  state: WaveState;
  /** Set once the wave has run: where its tenants stand. */
  carry?: WaveCarry;
  /** Set once a rollback has visited the wave: how far it came. */
  down?: readonly HostCarry[];
  /** Its workflow was terminated or failed: any of its tenants may have been moved. */
  lost?: boolean;
  maxFailures: number;
  approved: boolean;
  settled: boolean;
}

export interface RollbackOrder {
  readonly waves: readonly WaveRecord[];
  readonly scope: 'wave' | 'rollout';
  readonly automatic: boolean;
  readonly force: boolean;
}

const refuse = (message: string, code = 'FLT_REFUSED'): never => {
  throw ApplicationFailure.create({ type: code, message, nonRetryable: true });
};

export class RolloutBook {
  readonly startedAtMs: number;
  plan: RolloutPlan | undefined;
  waves: WaveRecord[] = [];
  desired: Desired = 'run';
  phase: 'opening' | 'running' | 'baking' | 'awaitingApproval' | 'rollingBack' | 'rollbackFailed' = 'opening';
  halt: (Halt & { readonly atMs: number }) | undefined;
  /** The wave that runs; it can be steered once its workflow is there. */
  open: { readonly index: number; readonly workflowId: string; readonly there: boolean } | undefined;
  order: RollbackOrder | undefined;
  rollback: RollbackStatus | undefined;
  final: FinalState | undefined;
  finishedAtMs: number | undefined;
  bakeUntilMs: number | undefined;
  approvalUntilMs: number | undefined;
  skipBake = false;
  skipWave = false;
  /** For the audit trail, not yet written. */
  readonly events: AuditEvent[] = [];
  /** For the open wave, not yet sent. */
  readonly steers: { readonly to: string; readonly steer: Steer }[] = [];
  readonly retries: RetryAsk[] = [];
  readonly tenantVerbs: { verb: 'skip' | 'rollback'; ask: Ask & { tenants: readonly string[]; force?: boolean } }[] = [];
  /** Counts every change, so that the body can wait for one. */
  changes = 0;
  skipped: string[] = [];
  /** Tenants that a rollback leaves as they are. */
  readonly leftOut: string[] = [];
  /** Unresolved failures that the whole rollout bears, as the plan says or a person has accepted since. */
  #maxFailures: number | undefined;
  resolvedNow: TenantResolved[] = [];
  #resolvedBefore = 0;
  pausedBy: (Ask & { readonly atMs: number }) | undefined;
  news: WaveNews | undefined;
  readonly #seen = new Map<string, Answer>();
  readonly input: RolloutInput;

  constructor(input: RolloutInput, nowMs: number) {
    this.input = input;
    this.startedAtMs = nowMs;
  }

  adopt(plan: RolloutPlan): void {
    this.plan = plan;
    this.phase = 'running';
    this.#maxFailures = plan.summary.policy.maxFailures;
    this.waves = plan.summary.waves.map((wave) => ({
      plan: wave,
      state: 'waiting',
      maxFailures: wave.maxFailures,
      approved: !wave.approval,
      settled: false,
    }));
    this.changes++;
  }

  // ── What others may order ─────────────────────────────────────────────────────────────────────────────────────────

  /** Refuses before anything happens; a repeated request id always gets through to its first answer. */
  validate(verb: RolloutVerb, ask: Ask): void {
    if (this.#seen.has(ask.requestId)) return;
    const state = this.state();
    if (isFinal(state)) refuse(`The rollout is ${state}.`);
    if (this.desired === 'abort' && verb !== 'abort') refuse('The rollout is being aborted.');
    switch (verb) {
      case 'resume':
        this.#validateResume(ask as ResumeAsk);
        return;
      case 'approve':
      case 'reject': {
        const { wave, digest } = ask as ApproveAsk;
        const waiting = this.nextWave();
        if (!waiting || waiting.approved) refuse('No wave waits for approval.');
        if (waiting!.plan.name !== wave || this.plan!.summary.digest !== digest)
          refuse(`Waiting for approval is wave "${waiting!.plan.name}" with digest ${this.plan!.summary.digest}.`, 'FLT_APPROVAL_MISMATCH');
        return;
      }
      case 'skip': {
        const { tenants, wave, bake } = ask as SkipAsk;
        if (this.phase === 'rollingBack')
          refuse(
            'The rollout is rolling back: a tenant that cannot be returned is left out afterwards, with rollback --continue-skipping.',
          );
        if (this.halt && (wave || bake)) refuse('While halted only tenants can be skipped.');
        if (wave && !this.waves.some((it) => it.plan.name === wave && (it.state === 'waiting' || it.state === 'running')))
          refuse(`There is no wave "${wave}" to skip.`);
        if (bake && this.phase !== 'baking') refuse('No bake time runs.');
        if (!tenants?.length && !wave && !bake) refuse('Name tenants, a wave or the bake.');
        return;
      }
      case 'retry': {
        const { tenants, error, host, failed, unfinished } = ask as RetryAsk;
        if (!tenants?.length && !error && !host && !failed && !unfinished) refuse('Name tenants, an error, a host, or all that failed.');
        if (!this.open && !unfinished && !this.#held(tenants))
          refuse(
            this.waves.some((it) => it.down)
              ? 'Nobody is parked there: what was rolled back starts anew with "flotilla resume".'
              : 'Nobody is parked there.',
          );
        return;
      }
      case 'rollback': {
        const { force, reason, wave, tenants } = ask as RollbackAsk;
        if (force && !reason) refuse('Forcing a rollback needs a reason.');
        if (this.phase === 'rollingBack' || (this.order && !tenants?.length)) refuse('A rollback is on its way already.');
        if (wave && !this.waves.some((it) => it.plan.name === wave && it.carry)) refuse(`No wave "${wave}" has run.`);
        if (!wave && !tenants?.length && !this.waves.some((it) => it.carry || it.lost) && !this.open) refuse('Nothing has run yet.');
        return;
      }
      default:
        return;
    }
  }

  /** Whether one of the tenants, or any at all, waits for a person. */
  #held(tenants: readonly string[] | undefined): boolean {
    const held = this.waves.flatMap((wave) =>
      Object.entries(wave.carry?.troubled ?? {})
        .filter(([, it]) => it.state === 'parked' || it.state === 'rollbackFailed')
        .map(([id]) => id),
    );
    return tenants?.length ? tenants.some((id) => held.includes(id)) : held.length > 0;
  }

  #validateResume({ acceptFailures }: ResumeAsk): void {
    if (this.phase === 'rollbackFailed') refuse('Some tenants could not be returned: roll back again, leave them out, or abort.');
    if (!this.halt) {
      if (this.desired !== 'pause') refuse('The rollout is not paused.');
      return;
    }
    if (this.halt.code !== 'FLT_BUDGET_EXCEEDED') return;
    const within = (now: number, allowed: number) => {
      const limit = Math.max(allowed, acceptFailures ?? 0);
      if (exceeded(now, limit))
        refuse(`${now} failures are unresolved, ${limit} allowed: resolve some, or accept them (acceptFailures: ${now}).`);
    };
    // A wave that was rolled back begins anew
    const standing = this.waves.filter((wave) => wave.carry && wave.state !== 'rolledBack');
    for (const wave of standing) if (wave.state === 'halted') within(unresolved(wave.carry!.totals), wave.maxFailures);
    if (this.#maxFailures !== undefined)
      within(
        standing.reduce((n, wave) => n + unresolved(wave.carry!.totals), 0),
        this.#maxFailures,
      );
  }

  /** Carries a verb out as far as state goes, and remembers the answer. */
  take(verb: RolloutVerb, ask: Ask, nowMs: number): Answer {
    const known = this.#seen.get(ask.requestId);
    if (known) return known;
    const message = this.#apply(verb, ask, nowMs);
    const { wave, tenants } = ask as SkipAsk;
    const subject = wave ?? (tenants?.length ? tenants.slice(0, 20).join(', ') : undefined);
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

  #apply(verb: RolloutVerb, ask: Ask, nowMs: number): string {
    switch (verb) {
      case 'pause':
        if (this.desired === 'run') {
          this.desired = 'pause';
          this.pausedBy = { ...ask, atMs: nowMs };
          this.#steer({ desired: 'pause' });
        }
        return 'No tenant is started any more; those in hand finish.';
      case 'resume': {
        const { acceptFailures } = ask as ResumeAsk;
        const wave = this.nextWave();
        if (wave && acceptFailures !== undefined) wave.maxFailures = Math.max(wave.maxFailures, acceptFailures);
        if (this.#maxFailures !== undefined && acceptFailures !== undefined)
          this.#maxFailures = Math.max(this.#maxFailures, acceptFailures);
        if (this.rollback?.refused.length) this.rollback = undefined;
        for (const it of this.waves) if (it.down) this.#again(it);
        this.halt = undefined;
        this.#unpause();
        return 'The rollout goes on.';
      }
      case 'abort': {
        this.desired = 'abort';
        this.#steer({ desired: 'abort' });
        return 'The rollout stops for good; tenants in hand finish, nothing is undone.';
      }
      case 'approve':
        this.nextWave()!.approved = true;
        return `Wave "${(ask as ApproveAsk).wave}" may go on.`;
      case 'reject':
        this.halt = { code: 'FLT_REFUSED', text: `${ask.actor} rejected wave "${(ask as ApproveAsk).wave}"`, atMs: nowMs };
        return 'The rollout is halted.';
      case 'skip':
        return this.#skip(ask as SkipAsk);
      case 'retry':
        this.retries.push(ask as RetryAsk);
        return 'The parked tenants that fit are tried again; the first is a probe.';
      case 'rollback':
        return this.#orderRollback(ask as RollbackAsk);
    }
  }

  /** From the start: tenants that still have everything say so. What has failed before stays counted. */
  #again(wave: WaveRecord): void {
    wave.state = 'waiting';
    wave.settled = false;
    const { failures = [], failuresTotal = 0 } = wave.carry ?? {};
    wave.carry = { ...emptyCarry({ ...noTotals(), pending: wave.plan.tenants }), failures, failuresTotal };
    delete wave.down;
  }

  #unpause(): void {
    this.desired = 'run';
    this.pausedBy = undefined;
    this.#steer({ desired: 'run' });
  }

  /** To the open wave, and to no other. One that is about to start is told when it is there. */
  #steer(steer: Steer): void {
    if (this.open) this.steers.push({ to: this.open.workflowId, steer });
  }

  #skip(ask: SkipAsk): string {
    if (ask.bake) {
      this.skipBake = true;
      return 'The bake time ends now.';
    }
    if (ask.wave) {
      const wave = this.waves.find((it) => it.plan.name === ask.wave)!;
      if (this.open?.index === wave.plan.index) {
        this.skipWave = true;
        this.#steer({ skipRest: true });
      } else {
        wave.state = 'skipped';
        wave.settled = true;
        wave.carry = emptyCarry({ ...noTotals(), skipped: wave.plan.tenants });
      }
      return `The rest of wave "${ask.wave}" is left out.`;
    }
    const tenants = ask.tenants!;
    this.skipped.push(...tenants);
    this.#steer({ skip: tenants });
    this.tenantVerbs.push({ verb: 'skip', ask: { ...ask, tenants } });
    return `${tenants.length === 1 ? 'One tenant is' : `${tenants.length} tenants are`} left out.`;
  }

  #orderRollback(ask: RollbackAsk): string {
    if (ask.tenants?.length) {
      this.tenantVerbs.push({ verb: 'rollback', ask: { ...ask, tenants: ask.tenants } });
      return `${ask.tenants.length === 1 ? 'One tenant is' : `${ask.tenants.length} tenants are`} rolled back, each in a workflow of its own.`;
    }
    for (const id of ask.continueSkipping ?? []) this.#leaveOut(id);
    // Ordered while paused: the order is what the person wants now
    if (this.desired === 'pause') this.#unpause();
    const one = ask.wave ? this.waves.filter((it) => it.plan.name === ask.wave) : undefined;
    this.order = { waves: one ?? this.waves, scope: one ? 'wave' : 'rollout', automatic: false, force: ask.force ?? false };
    this.rollback = { scope: this.order.scope, automatic: false, refused: [], failed: [] };
    this.#steer({ desired: 'abort' });
    return 'What this rollout applied is taken back, newest wave first.';
  }

  /** `rollback --continue-skipping`: the tenant stays as it is. */
  #leaveOut(id: string): void {
    for (const wave of this.waves) {
      const trouble = wave.carry?.troubled[id];
      if (!wave.carry || trouble?.state !== 'rollbackFailed') continue;
      wave.carry = {
        ...wave.carry,
        totals: { ...wave.carry.totals, rollbackFailed: wave.carry.totals.rollbackFailed - 1, skipped: wave.carry.totals.skipped + 1 },
        troubled: { ...wave.carry.troubled, [id]: { ...trouble, state: 'skipped' } },
      };
      this.leftOut.push(id);
    }
  }

  /** A tenantWorkflow has resolved its tenant. */
  resolved(it: TenantResolved, nowMs: number): void {
    this.resolvedNow.push(it);
    this.changes++;
    if (this.open?.index === it.wave) this.#steer({ resolved: [it] });
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

  heard(news: WaveNews): void {
    this.news = news;
    this.changes++;
  }

  /** Something waits to be passed on. A steer waits until its wave is there. */
  toSay(): boolean {
    return (this.steers.length > 0 && (this.open?.there ?? true)) || this.tenantVerbs.length > 0 || this.retries.length > 0;
  }

  /** The next steer for the open wave; those for a wave that has ended are dropped. */
  nextSteer(): { readonly to: string; readonly steer: Steer } | undefined {
    while (this.steers.length > 0 && (this.open?.there ?? true)) {
      const next = this.steers.shift()!;
      if (next.to === this.open?.workflowId) return next;
    }
    return undefined;
  }

  // ── What the body does ────────────────────────────────────────────────────────────────────────────────────────────

  /** Something else than the next wave has to be done. */
  interrupted(): boolean {
    return this.desired === 'abort' || this.order !== undefined;
  }

  nextWave(): WaveRecord | undefined {
    return this.waves.find((wave) => wave.state !== 'done' && wave.state !== 'skipped');
  }

  began(wave: WaveRecord, direction: 'up' | 'down', workflowId: string): void {
    wave.state = direction === 'up' ? 'running' : 'rollingBack';
    this.open = { index: wave.plan.index, workflowId, there: false };
    this.phase = direction === 'up' ? 'running' : 'rollingBack';
    this.#resolvedBefore = this.resolvedNow.length;
    this.changes++;
  }

  /** The wave's workflow is there: what was said meanwhile can reach it. */
  there(): void {
    if (this.open) this.open = { ...this.open, there: true };
    this.changes++;
  }

  ended(wave: WaveRecord, result: WaveResult, nowMs: number): void {
    this.#closed();
    wave.carry = result.carry;
    wave.lost = false;
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

  #closed(): void {
    this.open = undefined;
    this.news = undefined;
  }

  /** What onBreach asks for after a halt that the budget or a divergence caused. */
  breach(wave: WaveRecord): void {
    const { onBreach } = this.plan!.summary.policy;
    if (this.order || (onBreach !== 'rollbackWave' && onBreach !== 'rollbackRollout')) return;
    if (!['FLT_BUDGET_EXCEEDED', 'FLT_DIVERGED', 'FLT_CANARIES_DISAGREE'].includes(this.halt?.code ?? '')) return;
    const all = onBreach === 'rollbackRollout';
    this.order = { waves: all ? this.waves : [wave], scope: all ? 'rollout' : 'wave', automatic: true, force: false };
  }

  /** Every tenant that this rollout moved is back. */
  allBack(): boolean {
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
  rolledBack(halted: (Halt & { readonly atMs: number }) | undefined, nowMs: number): void {
    const failed = this.notReturned();
    this.rollback = { ...this.rollback!, failed };
    this.phase = failed.length > 0 ? 'rollbackFailed' : 'running';
    this.changes++;
    if (failed.length > 0 || this.halt) return;
    if (this.allBack()) this.rollback = { ...this.rollback, scope: 'rollout' };
    else this.halt = { ...(halted ?? { code: 'FLT_REFUSED', text: 'a wave was rolled back; earlier waves stay applied' }), atMs: nowMs };
  }

  unresolved(): number {
    return unresolved(this.totals());
  }

  /** Failures that the whole rollout still bears, beyond those of the given wave. */
  allowance(wave: WaveRecord): number | undefined {
    const limit = this.#maxFailures;
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
    if (this.phase === 'rollingBack' || this.phase === 'rollbackFailed') return this.phase;
    if (this.halt) return this.open ? 'draining' : 'halted';
    if (this.desired === 'abort') return 'draining';
    if (this.desired === 'pause') return this.open && !this.news?.drained ? 'draining' : 'paused';
    if (this.open && this.news?.stuck && (this.news.silentHosts.length > 0 || this.news.filesSinceMs !== undefined)) return 'paused';
    if (this.phase === 'opening') return 'running';
    return this.phase;
  }

  reasons(): readonly Reason[] {
    return reasonsOf(this);
  }

  totals(): Totals {
    const ofWaves = this.waves.map((wave) => wave.carry?.totals ?? { ...noTotals(), pending: wave.plan.tenants });
    const sum = addTotals(this.plan?.outside ?? {}, ...ofWaves);
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

export const emptyCarry = (totals: Totals): WaveCarry => ({ totals, hosts: [], troubled: {}, failures: [], failuresTotal: 0 });
