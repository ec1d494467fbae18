import { describe, expect, it } from 'vitest';
import { lookAt, scheduleTrouble, type Window, windowsOf } from '../../../src/domain/windows.js';

const HOUR = 3_600_000;
const window = (over: Partial<Window>): Window => ({
  kind: 'allow',
  schedule: '0 22 * * *',
  durationMs: 4 * HOUR,
  timeZone: 'UTC',
  onClose: 'finish',
  ...over,
});
const utc = (text: string) => Date.parse(text);

describe('lookAt', () => {
  it('is open from the start of a window until its duration is over', () => {
    const nightly = [window({})];
    expect(lookAt(nightly, utc('2026-05-01T21:59:59.999Z'))).toEqual({
      open: false,
      onClose: 'finish',
      changesAtMs: utc('2026-05-01T22:00:00Z'),
    });
    expect(lookAt(nightly, utc('2026-05-01T22:00:00Z'))).toEqual({ open: true, changesAtMs: utc('2026-05-02T02:00:00Z') });
    expect(lookAt(nightly, utc('2026-05-02T01:59:59.999Z')).open).toBe(true);
    expect(lookAt(nightly, utc('2026-05-02T02:00:00Z')).open).toBe(false);
  });

  it('is always open without a window', () => {
    expect(lookAt([], 0)).toEqual({ open: true });
  });

  it('lets a deny beat an allow, and opens again when the deny is over', () => {
    const windows = [window({}), window({ kind: 'deny', schedule: '0 23 * * *', durationMs: HOUR, onClose: 'cancel' })];
    expect(lookAt(windows, utc('2026-05-01T22:30:00Z'))).toEqual({ open: true, changesAtMs: utc('2026-05-01T23:00:00Z') });
    expect(lookAt(windows, utc('2026-05-01T23:30:00Z'))).toEqual({
      open: false,
      onClose: 'cancel',
      changesAtMs: utc('2026-05-02T00:00:00Z'),
    });
  });

  it('is open outside of a deny when there is no allow', () => {
    const weekend = [window({ kind: 'deny', schedule: '0 0 * * 6', durationMs: 48 * HOUR })];
    expect(lookAt(weekend, utc('2026-05-01T12:00:00Z'))).toEqual({ open: true, changesAtMs: utc('2026-05-02T00:00:00Z') });
    expect(lookAt(weekend, utc('2026-05-03T12:00:00Z')).open).toBe(false);
  });

  it('sees one opening where windows overlap', () => {
    const windows = [window({}), window({ schedule: '0 1 * * *', durationMs: 3 * HOUR })];
    expect(lookAt(windows, utc('2026-05-01T23:00:00Z'))).toEqual({ open: true, changesAtMs: utc('2026-05-02T04:00:00Z') });
  });

  it('knows no change where windows never end', () => {
    expect(lookAt([window({ schedule: '0 * * * *', durationMs: HOUR })], utc('2026-05-01T12:30:00Z'))).toEqual({ open: true });
  });

  it('knows no change further away than a year', () => {
    const leap = [window({ schedule: '0 0 29 2 *' })];
    expect(lookAt(leap, utc('2026-05-01T00:00:00Z'))).toEqual({ open: false, onClose: 'finish' });
  });

  it('[S31] counts its hours in real time when the clocks go forward, and opens after the jump when its start is jumped over', () => {
    const berlin = [window({ schedule: '0 1 * * *', durationMs: 4 * HOUR, timeZone: 'Europe/Berlin' })];
    // 2026-03-29, 02:00 becomes 03:00: from 01:00 CET, four hours, until 06:00 CEST
    expect(lookAt(berlin, utc('2026-03-29T00:30:00Z'))).toEqual({ open: true, changesAtMs: utc('2026-03-29T04:00:00Z') });
    const jumped = [window({ schedule: '30 2 * * *', durationMs: HOUR, timeZone: 'Europe/Berlin' })];
    expect(lookAt(jumped, utc('2026-03-29T00:00:00Z')).changesAtMs).toBe(utc('2026-03-29T01:00:00Z'));
  });

  it('[S31] opens once when the clocks go back and its start comes twice', () => {
    const berlin = [window({ schedule: '30 2 * * *', durationMs: HOUR / 2, timeZone: 'Europe/Berlin' })];
    // 2026-10-25, 03:00 becomes 02:00: 02:30 CEST is 00:30 UTC, 02:30 CET is 01:30 UTC
    expect(lookAt(berlin, utc('2026-10-25T00:45:00Z'))).toEqual({ open: true, changesAtMs: utc('2026-10-25T01:00:00Z') });
    expect(lookAt(berlin, utc('2026-10-25T01:45:00Z'))).toEqual({
      open: false,
      onClose: 'finish',
      changesAtMs: utc('2026-10-26T01:30:00Z'),
    });
  });

  it('[S31] keeps the same local hour on both sides of a clock change', () => {
    const newYork = [window({ schedule: '0 22 * * *', durationMs: HOUR, timeZone: 'America/New_York' })];
    expect(lookAt(newYork, utc('2026-10-31T12:00:00Z')).changesAtMs).toBe(utc('2026-11-01T02:00:00Z'));
    expect(lookAt(newYork, utc('2026-11-01T12:00:00Z')).changesAtMs).toBe(utc('2026-11-02T03:00:00Z'));
  });
});

describe('windowsOf', () => {
  const windows = [
    window({ selector: { matchLabels: { region: 'eu' } } }),
    window({ timeZone: 'America/New_York', selector: { matchLabels: { region: 'us' } } }),
    window({ kind: 'deny' }),
  ];
  it('names the windows that concern a tenant', () => {
    expect(windowsOf(windows, { id: 'a', host: 'h', labels: { region: 'eu' } })).toEqual([0, 2]);
    expect(windowsOf(windows, { id: 'b', host: 'h', labels: { region: 'us' } })).toEqual([1, 2]);
    expect(windowsOf(windows, { id: 'c', host: 'h' })).toEqual([2]);
  });
});

describe('scheduleTrouble', () => {
  it('says what is wrong with a schedule or a time zone', () => {
    expect(scheduleTrouble({ schedule: '0 22 * * 1-5', timeZone: 'Europe/Berlin' })).toBeUndefined();
    expect(scheduleTrouble({ schedule: '0 22 * * 1-5', timeZone: 'Mars/Base' })).toContain('no time zone "Mars/Base"');
    expect(scheduleTrouble({ schedule: '61 * * * *', timeZone: 'UTC' })).toContain('no cron schedule');
    expect(scheduleTrouble({ schedule: '0 22 * *', timeZone: 'UTC' })).toContain('no cron schedule');
    expect(scheduleTrouble({ schedule: '0 0 30 2 *', timeZone: 'UTC' })).toContain('never comes');
  });
});
