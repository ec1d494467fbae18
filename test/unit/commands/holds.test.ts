import { InvalidArgumentError } from 'commander';
import { expect, it } from 'vitest';
import { renderFreeze, renderPins } from '../../../src/commands/render/holds.js';
import { renderRollout } from '../../../src/commands/render/rollout.js';
import { plain } from '../../../src/commands/render/style.js';
import { untilFlag } from '../../../src/commands/shared/plan-options.js';
import { sampleStatus } from '../client/samples.js';

const style = plain(80);
const hold = { actor: 'bo', reason: 'black friday', since: '2026-11-24T08:00:00.000Z' };

it('says whether the fleet is frozen, by whom, why and until when, and whom that concerns', () => {
  expect(renderFreeze({ freeze: null }, style)).toBe('the fleet is not frozen\n');
  expect(renderFreeze({ freeze: { ...hold, until: '2026-11-30T08:00:00.000Z' }, rolloutId: 'r-1' }, style)).toMatchInlineSnapshot(`
    "frozen since 2026-11-24 08:00:00 UTC until 2026-11-30 08:00:00 UTC, by bo:
    "black friday"
    rollout r-1 starts no tenant meanwhile
    "
  `);
  expect(renderFreeze({ freeze: hold }, style)).toContain('until somebody lifts it');
  expect(renderFreeze({ freeze: null, rolloutId: 'r-1' }, style)).toBe('the fleet is not frozen\nrollout r-1 goes on\n');
});

it('lists who is pinned, and says what has just changed', () => {
  const pins = [
    { tenant: 'acme', ...hold },
    { tenant: 'umbrella', ...hold, until: '2026-11-30T08:00:00.000Z' },
  ];
  expect(renderPins({ pins, changed: ['acme'], rolloutId: 'r-1' }, 'pinned', style)).toMatchInlineSnapshot(`
    "pinned: acme
    rollout r-1 knows of it
    TENANT    PINNED                         BY  WHY
    acme      until unpinned                 bo  black friday
    umbrella  until 2026-11-30 08:00:00 UTC  bo  black friday
    "
  `);
  expect(renderPins({ pins: [], changed: [] }, 'pinned', style)).toBe('nobody is pinned\n');
  expect(renderPins({ pins: [], changed: [] }, 'let go', style)).toBe('none of them was pinned\nnobody is pinned\n');
});

it('shows what a sweep came upon beside where the rollout stands', () => {
  const findings = [{ severity: 'warning', code: 'FLT_NO_CELL_WORKER', message: 'Nobody looked for tenants of cell "us".' }] as const;
  expect(renderRollout({ ...sampleStatus(), findings }, style)).toContain('FLT_NO_CELL_WORKER\n        Nobody looked for tenants');
});

it('takes an end as a duration from now or as a time with its zone, and nothing that could be misread', () => {
  const from = Date.now();
  expect(untilFlag('2h').getTime() - from).toBeGreaterThanOrEqual(7_200_000);
  expect(untilFlag('2026-12-01T06:00:00Z').toISOString()).toBe('2026-12-01T06:00:00.000Z');
  expect(untilFlag('2026-12-01T06:00:00+02:00').toISOString()).toBe('2026-12-01T04:00:00.000Z');
  for (const text of ['', '90', 'tomorrow', '2026-12-01', '2026-12-01T06:00:00', '2026-13-01T06:00:00Z'])
    expect(() => untilFlag(text), text).toThrow(InvalidArgumentError);
});
