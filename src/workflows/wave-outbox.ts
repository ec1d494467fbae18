/** Whom a wave has to hand over: failed tenants to workflows of their own, those that are left out to the record. In batches, each tenant once. */

import type { WaveBook } from '../domain/wave/book.js';
import type { WaveInput } from '../domain/wave/contract.js';
import type { controlActivities } from './activity-options.js';

const PARKED_AT_ONCE = 50;
const MARKED_AT_ONCE = 500;

export interface Outbox {
  /** Starts a workflow for each tenant that is to be parked. */
  park(): Promise<void>;
  /** Records those that are skipped or blocked. */
  mark(): Promise<void>;
  /** Nothing is on the way. */
  isIdle(): boolean;
}

export function createOutbox(input: WaveInput, book: WaveBook, control: ReturnType<typeof controlActivities>, changed: () => void): Outbox {
  const { fleet, rolloutId, planId, taskQueue } = input;
  const wave = input.wave.index;
  let sending = 0;

  return { park: () => whileCounted(park), mark: () => whileCounted(mark), isIdle: () => sending === 0 };

  async function whileCounted(send: () => Promise<void>): Promise<void> {
    sending++;
    try {
      await send();
    } finally {
      sending--;
    }
  }

  async function park(): Promise<void> {
    while (book.toPark.length > 0) {
      const batch = book.toPark.splice(0, PARKED_AT_ONCE);
      const byCell = new Map<string, typeof batch>();
      for (const it of batch) {
        const cell = book.hosts.find(({ host }) => host === it.host)!.cell;
        byCell.set(cell, [...(byCell.get(cell) ?? []), it]);
      }
      for (const [cell, tenants] of byCell) await control.parkTenants({ fleet, rolloutId, planId, wave, cell, taskQueue, tenants });
      book.parked(batch.map((it) => it.tenant));
      changed();
    }
  }

  async function mark(): Promise<void> {
    for (let batch = book.toMark.splice(0, MARKED_AT_ONCE); batch.length > 0; batch = book.toMark.splice(0, MARKED_AT_ONCE))
      for (const state of ['skipped', 'blocked'] as const) {
        const of = batch.filter((it) => it.state === state);
        if (of.length === 0) continue;
        const { code, reason } = of[0]!;
        const tenants = of.map((it) => it.tenant);
        await control.markTenants({ rolloutId, tenants, state, reason, ...(code === undefined ? {} : { code }) });
      }
  }
}
