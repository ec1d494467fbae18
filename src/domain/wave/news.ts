/** What a wave says to its rollout when what holds it up has changed. */

import type { Desired } from '../rollout/contract.js';
import type { WaveBook } from './book.js';
import type { WaveNews } from './contract.js';

export interface Moment {
  /** Of the wave. */
  readonly index: number;
  readonly nowMs: number;
  readonly desired: Desired;
  /** Its windows are being asked for. */
  readonly asking: boolean;
  readonly stalledSinceMs: number | undefined;
  /** So long workers without the plan's files are waited for before it is said. */
  readonly filesPauseAfterMs: number;
}

export function newsOf(book: WaveBook, { index, nowMs, desired, asking, stalledSinceMs, filesPauseAfterMs }: Moment): WaveNews {
  const files = book.hosts.flatMap((host) => (host.files && nowMs - host.files.sinceMs >= filesPauseAfterMs ? [host.files] : []))[0];
  const waiting = book.outsideWindow(nowMs);
  const opensAtMs = book.windows.nextChange(book.windowKeys());
  const stuck = !asking && book.stuck(nowMs);
  return {
    index,
    silentHosts: book.hosts.flatMap((host) => (host.silent ? [{ host: host.host, ...host.silent }] : [])),
    busyHosts: book.hosts.flatMap((host) => (host.busy ? [{ host: host.host, sinceMs: host.busy.sinceMs, text: host.busy.text }] : [])),
    ...(files ? { filesSinceMs: files.sinceMs, filesText: files.text } : {}),
    // While nothing is known of the windows yet, nothing is said of them
    ...(waiting > 0 && stuck ? { window: { waiting, ...(opensAtMs === undefined ? {} : { opensAtMs }) } } : {}),
    ...(book.halt ? { halt: book.halt } : {}),
    drained: desired === 'pause' && book.inFlight() === 0,
    // Other files alone are no reason yet
    stuck: stuck && book.left() && (files !== undefined || book.hosts.every((host) => !host.files)),
    ...(stalledSinceMs === undefined ? {} : { stalledSinceMs }),
    parked: book.totals.parked > 0,
  };
}

/** While nothing holds it up. */
export const noNews = (index: number): WaveNews => ({ index, silentHosts: [], busyHosts: [], drained: false, stuck: false, parked: false });
