/**
 * Slots of a host, held across workers and fleets: advisory locks in its server's `postgres` database, as many as the host's
 * `maxConcurrency`. One session per worker and host holds them; when it is lost they are free, and whoever works goes on.
 */

import type { Client } from 'pg';
import { FlotillaError } from '../domain/errors.js';
import type { Hosts } from './contract.js';
import { classify } from './sqlstate.js';

/** First half of the locks' key: "flot" in ASCII. */
const SLOTS = 0x666c6f74;
const POLL_MS = 200;
/** A session that holds nothing is given back after so long. */
const KEEP_MS = 5_000;
/** May not connect to it (pg_hba may say so for one database alone), or it is not there: the host's own database does, and fleets that use another one are not seen. */
const NOT_THERE = ['FLT_PERMISSION_DENIED', 'FLT_SCHEMA_MISSING', 'FLT_AUTH_FAILED'];

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
  /** Holds in hand, waiting ones too. */
  users: number;
  /** Asks one after the other. */
  turn: Promise<unknown>;
  timer?: NodeJS.Timeout;
}

export function createHostSlots(hosts: Hosts): HostSlots {
  const keepers = new Map<string, Promise<Keeper>>();

  /** The session lives as long as the promise that is handed to the pool. */
  const keepOpen = (host: string, database: string | undefined): Promise<Keeper> =>
    new Promise((resolve, reject) => {
      let lost = false;
      hosts
        .withHost(
          host,
          (client) =>
            new Promise<void>((done) => {
              const letGo = () => {
                lost = true;
                done();
              };
              client.once('end', letGo);
              resolve({ client, held: new Set(), letGo, isLost: () => lost, users: 0, turn: Promise.resolve() });
            }),
          database,
        )
        .catch(reject);
    });

  async function openKeeper(host: string): Promise<Keeper> {
    try {
      return await keepOpen(host, 'postgres');
    } catch (error) {
      if (!(error instanceof FlotillaError) || !NOT_THERE.includes(error.code)) throw error;
      return keepOpen(host, undefined);
    }
  }

  function opening(host: string): Promise<Keeper> {
    const keeper = openKeeper(host);
    keepers.set(host, keeper);
    keeper.catch(() => forget(host, keeper));
    return keeper;
  }

  function forget(host: string, keeper: Promise<Keeper>): void {
    if (keepers.get(host) === keeper) keepers.delete(host);
  }

  /** One for all who ask at the same time: each takes a place in the pool that tenants need. */
  async function useKeeper<T>(host: string, use: (keeper: Keeper) => Promise<T>): Promise<T> {
    const found = keepers.get(host) ?? opening(host);
    const keeper = await found;
    if (keeper.isLost()) {
      forget(host, found);
      return useKeeper(host, use);
    }
    clearTimeout(keeper.timer);
    keeper.users++;
    try {
      return await use(keeper);
    } finally {
      if (--keeper.users === 0) rest(host, found, keeper);
    }
  }

  function rest(host: string, found: Promise<Keeper>, keeper: Keeper): void {
    keeper.timer = setTimeout(() => {
      forget(host, found);
      keeper.letGo();
    }, KEEP_MS);
    keeper.timer.unref();
  }

  function inTurn<T>(keeper: Keeper, ask: () => Promise<T>): Promise<T> {
    const mine = keeper.turn.then(ask);
    keeper.turn = mine.catch(() => undefined);
    return mine;
  }

  /** Slots that this session holds already would be granted again: they are not asked for. */
  function take(keeper: Keeper, slots: number): Promise<number | undefined> {
    const mine = inTurn(keeper, async () => {
      const free = Array.from({ length: slots }, (_, index) => index + 1).filter((slot) => !keeper.held.has(slot));
      if (free.length === 0 || keeper.isLost()) return undefined;
      const { rows } = await keeper.client.query<{ slot: number }>(
        'select slot from unnest($2::int[]) slot where pg_try_advisory_lock($1, slot) limit 1',
        [SLOTS, free],
      );
      if (rows[0]) keeper.held.add(rows[0].slot);
      return rows[0]?.slot;
    });
    return mine.catch((error) => {
      // The session has died under the question: the next try opens another
      if (classify(error)?.trouble !== 'connection') throw error;
      keeper.letGo();
      return undefined;
    });
  }

  async function give(keeper: Keeper, slot: number): Promise<void> {
    const unlock = async () => {
      if (!keeper.isLost()) await keeper.client.query('select pg_advisory_unlock($1, $2)', [SLOTS, slot]);
    };
    await inTurn(keeper, unlock).catch(() => undefined); // a session that is lost holds nothing any more
    keeper.held.delete(slot);
  }

  return {
    async hold(host, slots, { withinMs, stop }, work) {
      const until = Date.now() + withinMs;
      for (;;) {
        const done = await useKeeper(host, async (keeper) => {
          const slot = await take(keeper, slots);
          if (slot === undefined) return undefined;
          try {
            return { answer: await work() };
          } finally {
            await give(keeper, slot);
          }
        });
        if (done || stop() || Date.now() >= until) return done;
        await new Promise((wake) => setTimeout(wake, POLL_MS));
      }
    },
    async close() {
      for (const opened of [...keepers.values()]) {
        const keeper = await opened.catch(() => undefined);
        clearTimeout(keeper?.timer);
        keeper?.letGo();
      }
      keepers.clear();
    },
  };
}
