import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { Ask, RolloutVerb } from '../../../../src/domain/asks.js';
import { FlotillaError } from '../../../../src/domain/errors.js';
import { RolloutBook } from '../../../../src/domain/rollout/book.js';
import { isFinal, type RolloutState } from '../../../../src/domain/rollout/contract.js';
import { canMove } from '../../../../src/domain/rollout/machine.js';
import { emptyCarry, type WaveRecord } from '../../../../src/domain/rollout/record.js';
import { countTotals, noTotals, TENANT_STATES, type Totals, unresolved } from '../../../../src/domain/tenant.js';
import type { Steer, Troubled, WaveResult } from '../../../../src/domain/wave/contract.js';
import { samplePlan } from '../../client/samples.js';

const TENANTS = 6;
type Pick = (below: number) => number;

/** A rollout as `workflows/rollout.ts` tells it, with waves that come out by a tape. It yields wherever the workflow waits. */
class Story {
  readonly book = new RolloutBook({ fleet: 'shop', rolloutId: 'r-1', planId: 'p-1', actor: 'ana' }, 0);
  nowMs = 0;
  /** What was last said to the open wave. */
  steer: Steer = {};
  requests = 0;

  constructor(readonly pick: Pick) {
    const summary = samplePlan();
    const onBreach = (['halt', 'rollbackWave', 'rollbackRollout', 'continue'] as const)[pick(4)]!;
    const waves = Array.from({ length: 1 + pick(3) }, (_, index) => ({
      ...summary.waves[0]!,
      index,
      name: `w${index}`,
      canary: false,
      canaries: [],
      tenants: TENANTS,
      maxFailures: pick(3),
      bakeMs: pick(2) * 1_000,
      approval: pick(3) === 0,
    }));
    const maxFailures = pick(2) ? 2 : undefined;
    const policy = {
      ...summary.policy,
      onBreach,
      gates: [],
      membership: 'snapshot' as const,
      ...(maxFailures === undefined ? {} : { maxFailures }),
    };
    this.book.adopt({ summary: { ...summary, waves, policy }, outside: { upToDate: 3 } });
  }

  *tell(): Generator<void> {
    const { book } = this;
    for (;;) {
      const baking = book.unbaked();
      const next = book.nextWave();
      if (book.desired === 'abort') return book.finish('aborted', this.nowMs);
      if (book.order) yield* this.rollBack();
      else if (book.halt || book.phase === 'rollbackFailed') yield;
      else if (baking) yield* this.bake(baking);
      else if (next) yield* this.advance(next);
      else return book.finish(book.unresolved() > 0 ? 'completedWithFailures' : 'succeeded', this.nowMs);
      if (book.isBack()) return book.finish('rolledBack', this.nowMs);
    }
  }

  *advance(wave: WaveRecord): Generator<void> {
    const { book } = this;
    if (!wave.approved) {
      book.phase = 'awaitingApproval';
      book.approvalUntilMs = this.nowMs + 10;
      for (let wait = 0; !wave.approved && !book.halt && !book.interrupted() && wait < 20; wait++) yield;
      if (!wave.approved && !book.halt && !book.interrupted()) book.approvalExpired(wave, this.pick(2) ? 'halt' : 'abort', this.nowMs);
      book.phase = 'running';
      yield;
    }
    while (book.held() && !book.halt && !book.interrupted()) yield;
    if (book.halt || book.interrupted()) return;
    book.began(wave, 'up', wave.plan.name);
    this.steer = { limits: book.limits(wave) };
    yield;
    book.there();
    for (let wait = this.pick(4); wait > 0; wait--) yield;
    if (this.pick(12) === 0) book.lost(wave, 'was terminated', this.nowMs);
    else book.ended(wave, this.resultUp(wave), this.nowMs);
    if (book.halt) book.breach(wave);
  }

  resultUp(wave: WaveRecord): WaveResult {
    const carry = wave.carry ?? emptyCarry({ ...noTotals(), pending: wave.plan.tenants });
    const totals: Record<keyof Totals, number> = { ...carry.totals };
    const troubled: Record<string, Troubled> = { ...carry.troubled };
    let { failuresTotal } = carry;
    const limits = this.steer.limits!;
    const breached = () =>
      this.book.plan!.summary.policy.onBreach !== 'continue' && unresolved(totals) > Math.min(limits.maxFailures, limits.allowance ?? 99);
    const stopped = () => this.steer.halt !== undefined || this.steer.desired === 'abort' || breached();
    const some = stopped() ? this.pick(totals.pending + 1) : totals.pending;
    for (let n = 0; n < some && !breached(); n++) {
      totals.pending--;
      const fails = this.pick(5) === 0;
      totals[fails ? 'parked' : 'applied']++;
      if (!fails) continue;
      failuresTotal++;
      troubled[`${wave.plan.name}-t${failuresTotal}`] = { state: 'parked', code: 'FLT_SQL_ERROR', host: 'eu-1' };
    }
    if (this.steer.skipRest) {
      totals.skipped += totals.pending;
      totals.pending = 0;
    }
    const halt = this.steer.halt ?? (breached() ? { code: 'FLT_BUDGET_EXCEEDED', text: 'the budget is exceeded' } : undefined);
    const ended = halt ? 'halted' : this.steer.desired === 'abort' && totals.pending > 0 ? 'aborted' : 'done';
    return { ended, ...(halt ? { halt } : {}), carry: { ...carry, totals, troubled, failuresTotal } };
  }

  *rollBack(): Generator<void> {
    const { book } = this;
    const { scope, automatic, force } = book.order!;
    const halted = book.halt;
    yield;
    if (!force && this.pick(5) === 0) {
      book.rollback = { scope, automatic, refused: [{ migration: 'm', code: 'FLT_NO_DOWN', why: 'it has no down' }], failed: [] };
      book.halt = halted ?? { code: 'FLT_IRREVERSIBLE', text: 'the rollback was refused', atMs: this.nowMs };
      book.phase = 'running';
      book.order = undefined;
      return;
    }
    book.rollback = { scope, automatic, refused: [], failed: [] };
    book.halt = undefined;
    for (const wave of book.toRollBack(book.order!)) {
      if (book.desired === 'abort') break;
      book.began(wave, 'down', `${wave.plan.name}-down`);
      this.steer = {};
      yield;
      book.there();
      yield;
      if (!book.endedDown(wave, this.resultDown(wave), this.nowMs)) break;
    }
    book.order = undefined;
    book.rolledBack(halted, this.nowMs);
  }

  resultDown(wave: WaveRecord): WaveResult {
    const carry = wave.carry ?? emptyCarry({ ...noTotals(), pending: wave.plan.tenants });
    const totals: Record<keyof Totals, number> = { ...carry.totals };
    const troubled: Record<string, Troubled> = { ...carry.troubled };
    const stopped = this.steer.desired === 'abort';
    let failures = carry.failuresTotal;
    for (let n = stopped ? this.pick(totals.applied + 1) : totals.applied; n > 0; n--) {
      totals.applied--;
      const fails = this.pick(8) === 0;
      totals[fails ? 'rollbackFailed' : 'rolledBack']++;
      if (fails) troubled[`${wave.plan.name}-t${++failures}`] = { state: 'rollbackFailed', code: 'FLT_REVERT_INEXACT', host: 'eu-1' };
    }
    for (const [id, it] of Object.entries(troubled))
      if (it.state === 'parked') {
        totals.parked--;
        totals.failed++;
        troubled[id] = { ...it, state: 'failed' };
      }
    return { ended: stopped && totals.applied > 0 ? 'aborted' : 'done', carry: { ...carry, totals, troubled, failuresTotal: failures } };
  }

  *bake(wave: WaveRecord): Generator<void> {
    const { book } = this;
    book.phase = 'baking';
    book.skipBake = false;
    for (let wait = this.pick(4); wait > 0 && !book.skipBake && !book.interrupted() && !book.halt; wait--) yield;
    if (!book.interrupted() && !book.halt) wave.bakeLeftMs = 0;
    if (book.halt) book.breach(wave);
    else while (book.held() && !book.halt && !book.interrupted()) yield;
    book.phase = 'running';
  }

  /** Somebody says something, or something is heard of. Answers what, when it was accepted. */
  happen(): RolloutVerb | 'news' | undefined {
    const { book } = this;
    this.nowMs += 10;
    for (let next = book.orders.take(book); next; next = book.orders.take(book)) this.steer = next.steer;
    const ask: Ask = { actor: 'ada', reason: 'because', requestId: `q-${++this.requests}` };
    const wave = `w${this.pick(3)}`;
    const troubled = book.waves.flatMap((of) =>
      Object.entries(of.carry?.troubled ?? {}).map(([id, it]) => ({ id, wave: of.plan.index, state: it.state })),
    );
    const asks: readonly (readonly [RolloutVerb, object])[] = [
      ['pause', {}],
      ['resume', {}],
      ['resume', { acceptFailures: 9 }],
      ['approve', { wave: book.nextWave()?.plan.name, digest: book.plan!.summary.digest }],
      ['approve', { wave: book.nextWave()?.plan.name, digest: book.plan!.summary.digest }],
      ['reject', { wave: book.nextWave()?.plan.name, digest: book.plan!.summary.digest }],
      ['skip', { wave }],
      ['skip', { bake: true }],
      ['speed', { maxFailures: this.pick(5), maxConcurrency: 1 }],
      ['rollback', {}],
      ['rollback', { wave }],
      ['rollback', { force: true, continueSkipping: troubled.map(({ id }) => id).slice(0, 1) }],
      ['abort', this.pick(3) ? {} : { confirm: true }],
    ];
    const which = this.pick(asks.length * 2 + 4);
    if (which >= asks.length * 2) {
      const of = troubled[this.pick(troubled.length || 1)];
      if (!of || (of.state !== 'parked' && of.state !== 'rollbackFailed')) return undefined;
      const resolution = of.state === 'parked' ? (['applied', 'skipped'] as const)[this.pick(2)]! : 'rolledBack';
      book.resolved({ rolloutId: 'r-1', tenant: of.id, wave: of.wave, resolution }, this.nowMs);
      return 'news';
    }
    if (which >= asks.length) return undefined;
    const [verb, more] = asks[which]!;
    try {
      book.validate(verb, { ...ask, ...more });
    } catch (error) {
      if (!(error instanceof FlotillaError)) throw error;
      return undefined;
    }
    book.take(verb, { ...ask, ...more }, this.nowMs);
    return verb;
  }
}

const tapes = fc.array(fc.nat(100_000), { minLength: 60, maxLength: 500 });

function play(numbers: readonly number[], each: (story: Story, said: ReturnType<Story['happen']>) => void): Story {
  let at = 0;
  const story = new Story((below) => (below <= 0 ? 0 : (numbers[at++] ?? 0) % below));
  const body = story.tell();
  for (let step = 0; step < numbers.length / 2; step++) {
    const said = story.happen();
    each(story, said);
    const { done } = body.next();
    each(story, undefined);
    if (done) break;
  }
  return story;
}

const checked = (property: (numbers: readonly number[]) => void) => fc.assert(fc.property(tapes, property), { numRuns: 400 });

it('counts each tenant of its plan once, whatever happens in whatever order', () => {
  checked((numbers) => {
    play(numbers, ({ book }) => {
      const totals = book.totals();
      const wrong = TENANT_STATES.filter((state) => totals[state] < 0);
      if (wrong.length > 0 || countTotals(totals) !== 3 + book.waves.length * TENANTS) throw new Error(JSON.stringify(totals));
    });
  });
});

it('moves from state to state only as the table says', () => {
  checked((numbers) => {
    const states: RolloutState[] = ['running'];
    const said: string[] = [];
    play(numbers, ({ book }, verb) => {
      const now = book.state();
      said.push(`${verb ?? ''} ${now}`);
      if (!canMove(states.at(-1)!, now)) throw new Error(`${states.at(-1)} → ${now}, after ${said.join(', ')}`);
      states.push(now);
    });
  });
});

it('is left halted by nobody but a person who resumes, rolls back or aborts, and by the rollback that its strategy asks for', () => {
  checked((numbers) => {
    let before: { halted: boolean; ordered: boolean } = { halted: false, ordered: false };
    play(numbers, ({ book }, said) => {
      const halted = book.halt !== undefined;
      if (before.halted && !halted) expect(said === 'resume' || before.ordered || book.final !== undefined, String(said)).toBe(true);
      before = { halted, ordered: book.order !== undefined };
    });
  });
});

it('ends succeeded only when nobody is unresolved, and rolled back only when nobody has anything of it', () => {
  checked((numbers) => {
    const { book } = play(numbers, () => undefined);
    const { applied, rollbackFailed } = book.totals();
    const open = unresolved(book.totals());
    if (book.final === 'succeeded') expect(open).toBe(0);
    if (book.final === 'rolledBack') expect([applied, rollbackFailed]).toEqual([0, 0]);
    if (isFinal(book.state()) && book.state() !== 'aborted') expect(book.totals().pending).toBe(0);
  });
});
