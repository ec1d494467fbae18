import { expect, it } from 'vitest';
import {
  comesToItsEnd,
  type FleetBackfill,
  fleetEtaMs,
  fleetShareDone,
  fleetText,
  tenantText,
} from '../../../../src/domain/backfill/fleet-progress.js';
import { TENANT_STATES } from '../../../../src/domain/tenant.js';

const fleet = (more: Partial<FleetBackfill> = {}): FleetBackfill => ({
  migration: 'm1',
  tenants: 12,
  done: 4,
  visited: 2_500,
  written: 900,
  total: 10_000,
  exact: true,
  rowsPerSecond: 50,
  running: [],
  ...more,
});

it('[B6] says how far all tenants are together, and how many are done', () => {
  expect(fleetText(fleet())).toBe('2,500 of 10,000 rows, 25 %, 50 rows/s, 150 s left; 4 of 12 tenants done');
  expect(fleetText(fleet({ exact: false, rowsPerSecond: 0 }))).toBe('2,500 of about 10,000 rows, 25 %; 4 of 12 tenants done');
  expect(fleetText(fleet({ visited: 0, total: 0 })), 'empty tables').toBe('0 of 0 rows, 100 %, 50 rows/s, 0 s left; 4 of 12 tenants done');
  expect([fleetShareDone(fleet()), fleetEtaMs(fleet())]).toEqual([0.25, 150_000]);
});

it('[B6] says of one tenant as much, also where nothing is counted yet', () => {
  const running = { tenant: 't01', host: 'h1', pass: 1, visited: 20, written: 20, exact: false, rowsPerSecond: 10 };
  expect(tenantText({ ...running, total: null, waiting: null })).toBe('20 rows, 10 rows/s');
  expect(tenantText({ ...running, total: 100, waiting: 'a lock' })).toBe('20 of about 100 rows, 20 %, waiting: a lock');
});

it('[B6] what a tenant has begun is to come to its end unless it has, or was given up with its rollout', () => {
  expect(TENANT_STATES.filter(comesToItsEnd)).toEqual(['pending', 'blocked', 'running', 'deferred', 'failed', 'unknown', 'parked']);
});
