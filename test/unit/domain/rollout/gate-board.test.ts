import { expect, it } from 'vitest';
import type { GateVerdict } from '../../../../src/domain/gates.js';
import { type CellReadings, GateBoard } from '../../../../src/domain/rollout/gate-board.js';
import { sampleGate } from '../../client/samples.js';

const reading = (gate: string, verdict: GateVerdict | undefined, host?: string) => ({
  gate,
  ...(host === undefined ? {} : { host }),
  ...(verdict === undefined ? {} : { verdict }),
  sinceMs: 0,
});
const said = (...readings: CellReadings['readings'][number][]): CellReadings => ({ readings, complete: true, passing: 2 });
const board = (cells = ['eu']) => {
  const it = new GateBoard([
    sampleGate('lag'),
    sampleGate('queue'),
    sampleGate('errors', { type: 'http', scope: 'fleet' }),
    sampleGate('new', { dryRun: true }),
  ]);
  it.begin('during', cells);
  return it;
};

it('is open, and answers, once every cell has looked at everything and nothing speaks against it', () => {
  const it = board(['eu', 'us']);
  it.learn('eu', said());
  expect([it.complete(), it.open(), it.answer()]).toEqual([false, false, false]);
  it.learn('us', { ...said(), complete: false });
  expect(it.open()).toBe(false);
  it.learn('us', said());
  expect([it.complete(), it.open(), it.answer()]).toEqual([true, true, true]);
  expect(it.view()).toEqual({ passing: 4, others: [] });
});

it('has nothing to wait for in a phase that no gate is for', () => {
  const it = new GateBoard([sampleGate('lag', { phases: ['bake'] })]);
  it.begin('pre', ['eu']);
  expect([it.watches('eu'), it.open()]).toEqual([false, true]);
  it.begin('bake', ['eu']);
  expect([it.watches('eu'), it.open()]).toEqual([true, false]);
});

it('slows the host that a gate is about, and every host for a gate of the fleet; holding goes before slowing', () => {
  const it = board();
  it.learn('eu', said(reading('lag', 'throttle', 'h1'), reading('queue', 'hold', 'h1')));
  expect(it.paces(['h1', 'h2'])).toEqual({ h1: 'hold' });
  it.learn('eu', said(reading('queue', 'hold', 'h1'), reading('errors', 'throttle')));
  expect(it.paces(['h1', 'h2'])).toEqual({ h1: 'hold', h2: 'throttle' });
  expect(it.open()).toBe(false);
  expect(it.answer()).toBe(true);
});

it('lets a dry run and a skipped gate act on nothing, and shows them', () => {
  const it = board();
  it.learn('eu', said(reading('new', 'fail', 'h1'), reading('lag', 'error', 'h1')));
  expect(it.failing()).toBeUndefined();
  expect(it.unanswered()).toHaveLength(1);
  it.skip('lag');
  expect(it.unanswered()).toEqual([]);
  expect(it.open()).toBe(true);
  expect(it.view().others.map(({ gate, idle }) => [gate, idle])).toEqual([
    ['new', 'dryRun'],
    ['lag', 'skipped'],
  ]);
});

it('[S08] asks a person once about a gate that says nothing: after they went on not again, until it has said something else', () => {
  const it = board();
  it.learn('eu', said(reading('lag', 'inconclusive', 'h1')));
  expect(it.unanswered()).toHaveLength(1);
  it.acknowledge();
  expect([it.unanswered().length, it.answer()]).toEqual([0, true]);
  it.learn('eu', said(reading('lag', 'inconclusive', 'h1')));
  expect(it.unanswered()).toEqual([]);
  it.learn('eu', said(reading('lag', 'inconclusive', 'h1'), reading('lag', 'inconclusive', 'h2')));
  expect(it.unanswered().map(({ host }) => host)).toEqual(['h2']);
  it.learn('eu', said());
  it.learn('eu', said(reading('lag', 'inconclusive', 'h1')));
  expect(it.unanswered()).toHaveLength(1);
  it.acknowledge();
  it.learn('eu', said(reading('lag', 'error', 'h1')));
  expect(it.unanswered()).toHaveLength(1);
});

it('[S08] still knows in the next phase what a person has seen, whichever cell is heard first', () => {
  const it = board(['eu', 'us']);
  it.learn('eu', said(reading('errors', 'error'), reading('lag', 'error', 'h1')));
  it.learn('us', said(reading('lag', 'error', 'h9')));
  it.acknowledge();
  it.begin('bake', ['eu', 'us']);
  it.learn('us', said(reading('lag', 'error', 'h9')));
  it.learn('eu', said(reading('errors', 'error'), reading('lag', 'error', 'h1')));
  expect(it.unanswered()).toEqual([]);
  // Only the other cell has tenants of the next wave: it asks the gate of the fleet
  it.begin('pre', ['us']);
  it.learn('us', said(reading('errors', 'error')));
  expect(it.unanswered()).toEqual([]);
  it.learn('us', said());
  it.learn('us', said(reading('errors', 'error')));
  expect(it.unanswered().map(({ gate }) => gate)).toEqual(['errors']);
});
