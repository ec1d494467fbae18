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
  const gates = new GateBoard([
    sampleGate('lag'),
    sampleGate('queue'),
    sampleGate('errors', { type: 'http', scope: 'fleet' }),
    sampleGate('new', { dryRun: true }),
  ]);
  gates.begin('during', cells);
  return gates;
};

it('is open, and answers, once every cell has looked at everything and nothing speaks against it', () => {
  const gates = board(['eu', 'us']);
  gates.learn('eu', said());
  expect([gates.complete(), gates.open(), gates.answer()]).toEqual([false, false, false]);
  gates.learn('us', { ...said(), complete: false });
  expect(gates.open()).toBe(false);
  gates.learn('us', said());
  expect([gates.complete(), gates.open(), gates.answer()]).toEqual([true, true, true]);
  expect(gates.view()).toEqual({ passing: 4, others: [] });
});

it('has nothing to wait for in a phase that no gate is for', () => {
  const gates = new GateBoard([sampleGate('lag', { phases: ['bake'] })]);
  gates.begin('pre', ['eu']);
  expect([gates.watches('eu'), gates.open()]).toEqual([false, true]);
  gates.begin('bake', ['eu']);
  expect([gates.watches('eu'), gates.open()]).toEqual([true, false]);
});

it('slows the host that a gate is about, and every host for a gate of the fleet; holding goes before slowing', () => {
  const gates = board();
  gates.learn('eu', said(reading('lag', 'throttle', 'h1'), reading('queue', 'hold', 'h1')));
  expect(gates.paces(['h1', 'h2'])).toEqual({ h1: 'hold' });
  gates.learn('eu', said(reading('queue', 'hold', 'h1'), reading('errors', 'throttle')));
  expect(gates.paces(['h1', 'h2'])).toEqual({ h1: 'hold', h2: 'throttle' });
  expect(gates.open()).toBe(false);
  expect(gates.answer()).toBe(true);
});

it('lets a dry run and a skipped gate act on nothing, and shows them', () => {
  const gates = board();
  gates.learn('eu', said(reading('new', 'fail', 'h1'), reading('lag', 'error', 'h1')));
  expect(gates.failing()).toBeUndefined();
  expect(gates.unanswered()).toHaveLength(1);
  gates.skip('lag');
  expect(gates.unanswered()).toEqual([]);
  expect(gates.open()).toBe(true);
  expect(gates.view().others.map(({ gate, idle }) => [gate, idle])).toEqual([
    ['new', 'dryRun'],
    ['lag', 'skipped'],
  ]);
});

it('[S08] asks a person once about a gate that says nothing: after they went on not again, until it has said something else', () => {
  const gates = board();
  gates.learn('eu', said(reading('lag', 'inconclusive', 'h1')));
  expect(gates.unanswered()).toHaveLength(1);
  gates.acknowledge();
  expect([gates.unanswered().length, gates.answer()]).toEqual([0, true]);
  gates.learn('eu', said(reading('lag', 'inconclusive', 'h1')));
  expect(gates.unanswered()).toEqual([]);
  gates.learn('eu', said(reading('lag', 'inconclusive', 'h1'), reading('lag', 'inconclusive', 'h2')));
  expect(gates.unanswered().map(({ host }) => host)).toEqual(['h2']);
  gates.learn('eu', said());
  gates.learn('eu', said(reading('lag', 'inconclusive', 'h1')));
  expect(gates.unanswered()).toHaveLength(1);
  gates.acknowledge();
  gates.learn('eu', said(reading('lag', 'error', 'h1')));
  expect(gates.unanswered()).toHaveLength(1);
});

it('[S08] still knows in the next phase what a person has seen, whichever cell is heard first', () => {
  const gates = board(['eu', 'us']);
  gates.learn('eu', said(reading('errors', 'error'), reading('lag', 'error', 'h1')));
  gates.learn('us', said(reading('lag', 'error', 'h9')));
  gates.acknowledge();
  gates.begin('bake', ['eu', 'us']);
  gates.learn('us', said(reading('lag', 'error', 'h9')));
  gates.learn('eu', said(reading('errors', 'error'), reading('lag', 'error', 'h1')));
  expect(gates.unanswered()).toEqual([]);
  // Only the other cell has tenants of the next wave: it asks the gate of the fleet
  gates.begin('pre', ['us']);
  gates.learn('us', said(reading('errors', 'error')));
  expect(gates.unanswered()).toEqual([]);
  gates.learn('us', said());
  gates.learn('us', said(reading('errors', 'error')));
  expect(gates.unanswered().map(({ gate }) => gate)).toEqual(['errors']);
});
