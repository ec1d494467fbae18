import { expect, it } from 'vitest';
import { contractGates } from '../../../src/domain/planned-gates.js';
import { gateSpec } from '../../../src/spec/gates.js';

it('a contract that names flags or a version is a gate before each wave, for the whole fleet', () => {
  const [gate, ...more] = contractGates([
    { name: 'drop_a', declares: { phase: 'contract', after: ['add_b'], bake: '7d', flags: ['b'], appVersion: '2.0.0' } },
    { name: 'drop_c', declares: { phase: 'contract', after: ['add_d'], bake: '7d' } },
  ]);
  expect(more, 'time is judged when the plan is made').toEqual([]);
  expect(gate).toMatchObject({
    name: 'contract:drop_a',
    type: 'contract',
    scope: 'fleet',
    phases: ['pre'],
    dryRun: false,
    off: [],
    contract: { name: 'drop_a', declares: { flags: ['b'], appVersion: '2.0.0' } },
  });
});

it('no gate of a config can have the name of a contract', () => {
  const [{ name } = { name: '' }] = contractGates([{ name: 'drop_a', declares: { flags: ['b'] } }]);
  expect(gateSpec.safeParse({ type: 'sql', name, query: 'select 1' }).success).toBe(false);
});
