import { describe, expect, it } from 'vitest';
import { errorFingerprint, type Settled, settle, systemic } from '../../../../src/domain/wave/same-error.js';

const threshold = { count: 3, window: 5 };

describe('errorFingerprint', () => {
  it('is the same for the same error in different tenants', () => {
    const of = (tenant: string, id: number) =>
      errorFingerprint('FLT_MIGRATION_FAILED', `${tenant}: 20260101_add_email: duplicate key value "${id}" (23505)`, [tenant]);
    expect(of('acme', 17)).toBe(of('globex-2', 99));
  });
  it('differs by code and by what happened', () => {
    expect(errorFingerprint('A', 'lock not granted', [])).not.toBe(errorFingerprint('B', 'lock not granted', []));
    expect(errorFingerprint('A', 'lock not granted', [])).not.toBe(errorFingerprint('A', 'column is missing', []));
  });
  it('is short', () => {
    expect(errorFingerprint('A', 'x'.repeat(10_000), []).length).toBeLessThanOrEqual(200);
  });
});

describe('systemic', () => {
  const systemicAfter = (...fingerprints: string[]) => {
    let settled: Settled = [];
    for (const it of fingerprints) settled = settle(settled, [it], threshold);
    return systemic(settled, threshold);
  };
  it('names an error that has come often enough among the last tenants', () => {
    expect(systemicAfter('x', '', 'x', 'x')).toEqual({ fingerprint: 'x', count: 3 });
  });
  it('takes no notice of successes and of different errors', () => {
    expect(systemicAfter('', '', '', '', '')).toBeUndefined();
    expect(systemicAfter('x', 'y', 'z', 'x', 'y')).toBeUndefined();
  });
  it('forgets what is further back than its window', () => {
    expect(systemicAfter('x', 'x', '', '', '', 'x')).toBeUndefined();
  });
  it('takes many at once as one after the other', () => {
    expect(settle(['x'], ['', '', '', '', '', 'y'], threshold)).toEqual(['', '', '', '', 'y']);
  });
});
