import fc from 'fast-check';
import { expect, it } from 'vitest';
import { cellQueue, newId, workflowIds } from '../../../src/domain/ids.js';

it('spells workflow ids and queues as the documentation does', () => {
  expect(workflowIds.rollout('shop')).toBe('flotilla/shop');
  expect(workflowIds.plan('shop', 'p-1')).toBe('flotilla/shop/plan/p-1');
  expect(workflowIds.wave('shop', 'r-1', 1, '25%')).toBe('flotilla/shop/r-1/w1-25%');
  expect(workflowIds.waveDown('shop', 'r-1', 1, '25%')).toBe('flotilla/shop/r-1/w1-25%-down');
  expect(workflowIds.tenant('shop', 'acme')).toBe('flotilla/shop/tenant/acme');
  expect(workflowIds.admin('shop', 'q-1')).toBe('flotilla/shop/admin/q-1');
  expect(cellQueue('flotilla', 'eu')).toBe('flotilla/eu');
});

const time = fc.integer({ min: 0, max: Date.UTC(2200, 0) });
const chance = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });

it('makes ids of one length, without letters that are easily misread', () => {
  fc.assert(fc.property(time, chance, (now, random) => void expect(newId('r', now, () => random)).toMatch(/^r-[0-9a-hjkmnp-tv-z]{16}$/)));
});

it('makes ids that sort by time', () => {
  fc.assert(
    fc.property(time, time, chance, chance, (a, b, x, y) => {
      fc.pre(a < b);
      expect(newId('p', a, () => x) < newId('p', b, () => y)).toBe(true);
    }),
  );
});
