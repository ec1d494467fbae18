import { expect, it } from 'vitest';
import { explain } from '../../../src/domain/explain.js';

it('says what holds the rollout up, and who can change it', () => {
  expect(explain({ kind: 'operator', text: 'ada paused it: "backup runs"', clears: 'person' })).toBe(
    'operator: ada paused it: "backup runs" (an operator: resume)',
  );
});

it('says so when the reason clears by itself, and when it is known until when', () => {
  expect(explain({ kind: 'host', text: 'eu-2 does not answer; its tenants wait', clears: 'itself', host: 'eu-2' })).toBe(
    'host: eu-2 does not answer; its tenants wait (it clears by itself)',
  );
  expect(explain({ kind: 'window', text: '3 tenants wait for their window', clears: 'itself', untilMs: Date.UTC(2026, 0, 2, 3) })).toBe(
    'window: 3 tenants wait for their window (it clears by itself at 2026-01-02T03:00:00.000Z)',
  );
});
