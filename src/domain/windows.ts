/**
 * When tenants may be started: maintenance windows and times in which nobody may be touched. A window opens by a cron schedule in a time
 * zone of its own and stays open for so long in real time, so a night with a clock change is neither longer nor shorter. A start that the
 * clock jumps over opens when the jump ends; one that comes twice opens the first time.
 */

import { Cron } from 'croner';
import type { Selector } from '../spec/strategy.js';
import { matchesSelector, type Selectable } from './selectors.js';

export interface Window {
  readonly kind: 'allow' | 'deny';
  /** Cron, five fields, or six with seconds first: when it begins. */
  readonly schedule: string;
  readonly durationMs: number;
  /** IANA name. */
  readonly timeZone: string;
  /** Tenants that it concerns. @defaultValue all */
  readonly selector?: Selector;
  /** What becomes of tenants in hand when it closes (or, of a `deny`, begins). */
  readonly onClose: 'finish' | 'cancel';
}

export interface WindowView {
  readonly open: boolean;
  /** When that changes; undefined: not in the next year. */
  readonly changesAtMs?: number;
  /** Closed: what becomes of tenants in hand. */
  readonly onClose?: Window['onClose'];
}

/** Which of the windows concern a tenant, by index. */
export const windowsOf = (windows: readonly Window[], tenant: Selectable): number[] =>
  windows.flatMap(({ selector }, index) => (selector === undefined || matchesSelector(selector, tenant) ? [index] : []));

/**
 * Whether a tenant whom exactly these windows concern may be started. A `deny` that runs beats every `allow`; without any `allow` the time
 * outside of a `deny` is open.
 */
export function lookAt(windows: readonly Window[], nowMs: number): WindowView {
  const { open, onClose } = at(windows, nowMs);
  const view = open ? { open } : { open, onClose };
  for (let time = nowMs, steps = 0; steps < MOST_STEPS; steps++) {
    const next = nextBoundary(windows, time);
    if (next === undefined || next > nowMs + YEAR_MS) return view;
    if (at(windows, next).open !== open) return { ...view, changesAtMs: next };
    time = next;
  }
  return view;
}

/** Why a schedule or a time zone cannot be used; undefined when both can. */
export function scheduleTrouble({ schedule, timeZone }: Pick<Window, 'schedule' | 'timeZone'>): string | undefined {
  try {
    new Intl.DateTimeFormat('en', { timeZone });
  } catch {
    return `there is no time zone "${timeZone}"; expected an IANA name such as "Europe/Berlin"`;
  }
  try {
    const next = cron({ schedule, timeZone }).nextRun();
    return next === null ? `the schedule "${schedule}" never comes` : undefined;
  } catch (error) {
    return `"${schedule}" is no cron schedule of five or six fields (${(error as Error).message})`;
  }
}

const YEAR_MS = 366 * 24 * 3_600_000;
/** Boundaries that we look through for a change: windows that overlap without end have none. */
const MOST_STEPS = 500;

function at(windows: readonly Window[], timeMs: number): { readonly open: boolean; readonly onClose: Window['onClose'] } {
  const denies = windows.filter((window) => window.kind === 'deny' && active(window, timeMs));
  const allows = windows.filter((window) => window.kind === 'allow');
  const open = denies.length === 0 && (allows.length === 0 || allows.some((window) => active(window, timeMs)));
  const closing = denies.length > 0 ? denies : allows;
  return { open, onClose: closing.some((window) => window.onClose === 'cancel') ? 'cancel' : 'finish' };
}

function active(window: Window, timeMs: number): boolean {
  const start = lastStart(window, timeMs);
  return start !== undefined && timeMs < start + window.durationMs;
}

/** The next moment at which one of the windows begins or ends. */
function nextBoundary(windows: readonly Window[], afterMs: number): number | undefined {
  const moments = windows.flatMap((window) => {
    const start = lastStart(window, afterMs);
    const end = start === undefined ? undefined : start + window.durationMs;
    const next = cron(window).nextRun(new Date(afterMs))?.getTime();
    return [end, next].filter((it): it is number => it !== undefined && it > afterMs);
  });
  return moments.length > 0 ? Math.min(...moments) : undefined;
}

/** The last time at or before `timeMs` at which the window began. */
const lastStart = (window: Window, timeMs: number): number | undefined =>
  // The reference itself is left out, and schedules go by whole seconds
  cron(window)
    .previousRuns(1, new Date((Math.floor(timeMs / 1_000) + 1) * 1_000))[0]
    ?.getTime();

const known = new Map<string, Cron>();

function cron({ schedule, timeZone }: Pick<Window, 'schedule' | 'timeZone'>): Cron {
  const key = `${timeZone} ${schedule}`;
  const job = known.get(key) ?? new Cron(schedule, { timezone: timeZone, mode: '5-or-6-parts' });
  known.set(key, job);
  return job;
}
