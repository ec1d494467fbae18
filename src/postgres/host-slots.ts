/**
 * Slots of a host, held across workers and fleets: advisory locks in its server's `postgres` database, as many as the host's
 * `maxConcurrency`. One session per worker and host holds them; when it is lost they are free, and whoever works goes on.
 */

import type { Client } from 'pg';
import { FlotillaError } from '../domain/errors.js';
import type { Hosts } from './contract.js';

/** First half of the locks' key: "flot" in ASCII. */
const SLOTS = 0x666c6f74;
const POLL_MS = 200;
/** A session that holds nothing is given back after so long. */
const KEEP_MS = 5_000;
/** May not connect to it, or it is not there: the host's own database does, and fleets that use another one are not seen. */
const NOT_THERE = ['FLT_PERMISSION_DENIED', 'FLT_SCHEMA_MISSING'];

export interface HostSlots {
  /**
   * Runs `work` while one of the host's slots is held.
   * @returns undefined: none came free in time, or `stop` said so
   * @throws FLT_HOST_UNAVAILABLE and whatever else keeps us from connecting
   */
  hold<T>(
    host: string,
    slots: number,
    wait: { readonly withinMs: number; readonly stop: () => boolean },
    work: () => Promise<T>,
  ): Promise<{ readonly answer: T } | undefined>;
  /** Gives the sessions back; lists in hand have ended before. */
  close(): Promise<void>;
}

interface Keeper {
  readonly client: Client;
  readonly held: Set<number>;
  readonly letGo: () => void;
  isLost(): boolean;
  /** Asks one after the other. */
  turn: Promise<unknown>;
  timer?: NodeJS.Timeout;
}

export function createHostSlots(hosts: Hosts): HostSlots {
  const keepers = new Map<string, Promise<Keeper>>();

  /** The session lives as long as the promise that is handed to the pool. */
  const keepOpen = (host: string, database: string | undefined): Promise<Keeper> =>
    new Promise((resolve, reject) => {
      let over = false;
      hosts
        .withHost(
          host,
          (client) =>
            new Promise<void>((letGo) => {
              client.once('end', letGo);
              resolve({ client, held: new Set(), letGo, isLost: () => over, turn: Promise.resolve() });
            }),
          database,
        )
        .then(() => undefined, reject)
        .finally(() => {
          over = true;
        });
    });

  async function openKeeper(host: string): Promise<Keeper> {
    try {
      return await keepOpen(host, 'postgres');
    } catch (error) {
      if (!(error instanceof FlotillaError) || !NOT_THERE.includes(error.code)) throw error;
      return keepOpen(host, undefined);
    }
  }

  async function keeperOf(host: string): Promise<Keeper> {
    const known = await keepers.get(host)?.catch(() => undefined);
    if (known && !known.isLost()) {
      clearTimeout(known.timer);
      return known;
    }
    const opening = openKeeper(host);
    keepers.set(host, opening);
    return opening;
  }

  function rest(host: string, keeper: Keeper): void {
    if (keeper.held.size > 0) return;
    clearTimeout(keeper.timer);
    keeper.timer = setTimeout(() => {
      if (keeper.held.size > 0) return;
      keepers.delete(host);
      keeper.letGo();
    }, KEEP_MS);
    keeper.timer.unref();
  }

  /** Slots that this session holds already would be granted again: they are not asked for. */
  function take(keeper: Keeper, slots: number): Promise<number | undefined> {
    const mine = keeper.turn.then(async () => {
      const free = Array.from({ length: slots }, (_, index) => index + 1).filter((slot) => !keeper.held.has(slot));
      if (free.length === 0) return undefined;
      const { rows } = await keeper.client.query<{ slot: number }>(
        'select slot from unnest($2::int[]) slot where pg_try_advisory_lock($1, slot) limit 1',
        [SLOTS, free],
      );
      if (rows[0]) keeper.held.add(rows[0].slot);
      return rows[0]?.slot;
    });
    keeper.turn = mine.catch(() => undefined);
    return mine;
  }

  return {
    async hold(host, slots, { withinMs, stop }, work) {
      const until = Date.now() + withinMs;
      for (;;) {
        const keeper = await keeperOf(host);
        const slot = await take(keeper, slots).catch((error) => {
          if (!keeper.isLost()) throw error;
        });
        if (slot === undefined) {
          rest(host, keeper);
          if (stop() || Date.now() >= until) return undefined;
          await new Promise((wake) => setTimeout(wake, POLL_MS));
          continue;
        }
        try {
          return { answer: await work() };
        } finally {
          if (!keeper.isLost()) await keeper.client.query('select pg_advisory_unlock($1, $2)', [SLOTS, slot]).catch(() => undefined);
          keeper.held.delete(slot);
          rest(host, keeper);
        }
      }
    },
    async close() {
      for (const opening of keepers.values()) {
        const keeper = await opening.catch(() => undefined);
        clearTimeout(keeper?.timer);
        keeper?.letGo();
      }
    },
  };
}
