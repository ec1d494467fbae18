import { expect, it } from 'vitest';
import { describeOff, gatesOffFindings, turnOff } from '../../../src/domain/gates-off.js';
import { sampleGate } from '../client/samples.js';

const why = 'the role is no member of pg_monitor';
const gates = [sampleGate('walQueue'), sampleGate('lockWaits'), sampleGate('status', { scope: 'fleet' })];

it('turns off only what could not be read, there where it could not, in the order of the hosts', () => {
  const off = turnOff(gates, [
    { gate: 'walQueue', host: 'h2', why },
    { gate: 'status', why: 'it answers 503' },
    { gate: 'walQueue', host: 'h1', why },
  ]);
  expect(off.map((gate) => gate.off)).toEqual([
    [
      { host: 'h1', why },
      { host: 'h2', why },
    ],
    [],
    [{ why: 'it answers 503' }],
  ]);
});

it('warns once for each gate, with the hosts and the reasons', () => {
  const findings = gatesOffFindings(
    turnOff(gates, [
      { gate: 'walQueue', host: 'h1', why },
      { gate: 'walQueue', host: 'h2', why: 'it fails (42P01 undefined_table).' },
      { gate: 'walQueue', host: 'h3', why },
      { gate: 'status', why: 'it answers 503' },
    ]),
  );
  expect(findings.map(({ severity, code, message }) => [severity, code, message])).toEqual([
    [
      'warning',
      'FLT_GATE_OFF',
      'Gate walQueue is off on h1, h3: the role is no member of pg_monitor; on h2: it fails (42P01 undefined_table).',
    ],
    ['warning', 'FLT_GATE_OFF', 'Gate status is off everywhere: it answers 503.'],
  ]);
});

it('stays short with hundreds of hosts and as many reasons', () => {
  const hosts = Array.from({ length: 400 }, (_, n) => `host-${n}`);
  expect(describeOff({ off: hosts.map((host) => ({ host, why })) }).length).toBeLessThan(120);
  expect(describeOff({ off: hosts.map((host) => ({ host, why: `host ${host} says no` })) }).length).toBeLessThan(200);
});
