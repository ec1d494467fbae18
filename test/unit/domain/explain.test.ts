import { expect, it } from 'vitest';
import { explain } from '../../../src/domain/explain.js';

it('says what holds the rollout up, and that a person has to act', () => {
  expect(explain({ kind: 'operator', text: 'ada paused it: "backup runs"', clears: 'person' })).toBe(
    'operator: ada paused it: "backup runs" (a person has to act)',
  );
});

it('says so when the reason clears by itself', () => {
  expect(explain({ kind: 'host', text: 'eu-2 does not answer; its tenants wait', clears: 'itself', host: 'eu-2' })).toBe(
    'host: eu-2 does not answer; its tenants wait (it clears by itself)',
  );
});
