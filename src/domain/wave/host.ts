/** One host as a wave sees it: who waits there, how many lists are in hand, and what holds it up. */

import type { PlannedWave } from '../plan.js';
import type { CarriedItem, HostCarry, Pace, WaveItem } from './contract.js';
import type { Speed } from './speed.js';
import type { WindowBoard } from './window-board.js';

export interface HostState {
  readonly host: string;
  readonly cell: string;
  /** The host's own limit. */
  readonly limit: number;
  /** Lists in hand, at most: of the plan, or what an operator has said since. */
  window: number;
  /** Tenants of the wave on this host; on the way down only those that were dispatched. */
  readonly tenants: number;
  /** Not of the plan: a tenant has moved here. */
  readonly joined: boolean;
  cursor: number;
  /** Nobody with a higher ordinal has been dispatched. */
  reached: number;
  queue: WaveItem[];
  inFlight: number;
  loading: boolean;
  speed: Speed;
  pace?: Pace;
  silent?: { readonly code: string; readonly sinceMs: number };
  /** Incidents since a tenant of it was last settled: a host that answers and is still out of disk is asked ever more rarely. */
  relapses?: number;
  /** This host's workers have other files: not before `untilMs`. */
  files?: { readonly sinceMs: number; readonly text: string; untilMs: number };
  /** Others hold its slots: not before `untilMs`. */
  busy?: { readonly sinceMs: number; readonly text: string; untilMs: number };
}

export const freshItem = (id: string): WaveItem => ({ id, again: false, deferrals: 0, alone: false, dueMs: 0 });

/** Whether another list may be started on it now. */
export function takesList(host: HostState, nowMs: number): boolean {
  if (host.silent || host.pace === 'hold') return false;
  if ((host.files && host.files.untilMs > nowMs) || (host.busy && host.busy.untilMs > nowMs)) return false;
  return host.inFlight < Math.min(host.window, host.speed.now);
}

/** Something other than an operator keeps all of its tenants waiting. */
export const isBlocked = (host: HostState): boolean =>
  host.silent !== undefined || host.files !== undefined || host.busy !== undefined || host.pace === 'hold';

export const hasWork = (host: HostState): boolean => host.queue.length > 0 || host.cursor < host.tenants;

/** The next list: one kind of items (fresh, or dispatched before), none of them due later, none outside its window. */
export function takeList(host: HostState, size: number, nowMs: number, windows: WindowBoard): WaveItem[] {
  const may = (item: WaveItem) => item.dueMs <= nowMs && windows.isOpen(item.windows, nowMs);
  const first = host.queue.findIndex(may);
  if (first < 0) return [];
  const list = cutList(host, size, first, may);
  for (const { at } of list) host.reached = Math.max(host.reached, at ?? -1);
  return list;
}

function cutList(host: HostState, size: number, first: number, may: (item: WaveItem) => boolean): WaveItem[] {
  const { again, alone } = host.queue[first]!;
  if (alone) return host.queue.splice(first, 1);
  const list: WaveItem[] = [];
  for (let at = first; at < host.queue.length && list.length < size; ) {
    const item = host.queue[at]!;
    if (item.again === again && !item.alone && may(item)) list.push(...host.queue.splice(at, 1));
    else at++;
  }
  return list;
}

/** What the next run has to be told of it: whoever was only loaded is loaded again, and does not travel along. */
export function carriedHost({ host, cell, limit, cursor, reached, queue, joined }: HostState): HostCarry {
  const isFresh = ({ again, deferrals, alone, at }: WaveItem) => !again && deferrals === 0 && !alone && at !== undefined && at > reached;
  const kept = queue.filter((item) => !isFresh(item));
  return {
    host,
    cursor: Math.min(cursor, ...queue.filter(isFresh).map(({ at }) => at!)),
    queue: kept.map(shorten),
    ...(joined ? { joined: { cell, limit } } : {}),
  };
}

const shorten = ({ id, again, deferrals, alone, dueMs, windows }: WaveItem): CarriedItem => ({
  id,
  ...(again ? { again } : {}),
  ...(deferrals ? { deferrals } : {}),
  ...(alone ? { alone } : {}),
  ...(dueMs ? { dueMs } : {}),
  ...(windows === undefined ? {} : { windows }),
});

export const restored = (item: CarriedItem): WaveItem => ({ ...freshItem(item.id), ...item });

/** How long a list may be: small waves show every tenant as a line of its own; near the end lists shrink, so that all places stay busy. */
export function listSize(host: HostState, wave: PlannedWave, limits: { readonly smallWave: number; readonly listSize: number }): number {
  if (wave.canary || wave.tenants <= limits.smallWave || host.files || host.busy) return 1;
  const left = host.queue.length + host.tenants - host.cursor;
  return Math.max(1, Math.min(limits.listSize, Math.ceil(left / (host.window * 2))));
}
