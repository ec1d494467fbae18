/** Named points of an attempt on a transactional migration, and how each is reached: by the message on the wire, or by a lock that stops the server there. */

import { expect } from 'vitest';
import type { AttemptInput, AttemptResult } from '../../../src/postgres/contract.js';
import { fenceKey } from '../../../src/postgres/keys.js';
import { query } from '../../support/postgres.js';
import { everythingIn, NOTHING_LEFT } from './contents.js';
import { closedGate, createScene, NOTES, type RunnerProcess, type Scene, type Victim } from './scene.js';

/** Three statements, each of which would show if it came twice or not at all. */
export const FILES = {
  '01_notes.js': NOTES,
  '02_three.js': `
    exports.up = async (knex) => {
      await knex.raw('/* one */ alter table notes add column title text');
      await knex.raw("/* two */ insert into notes (id, body, title) values (100, 'made', 'by up')");
      await knex.raw('/* three */ update notes set n = n + 1');
    };
    exports.down = async (knex) => {
      await knex.raw('/* one */ update notes set n = n - 1');
      await knex.raw("/* two */ delete from notes where id = 100");
      await knex.raw('/* three */ alter table notes drop column title');
    };`,
};

const OPENING = /flotilla\.state.*pg_try_advisory_xact_lock/s;
const CLOSING = /^set constraints all immediate;.*commit;$/s;
const FENCE = /pg_advisory_xact_lock/;

export interface FaultPoint {
  readonly title: string;
  /** Runs the attempt and strikes when it comes to the point. */
  reach(stage: Stage): Promise<void>;
  /** The effect is in the database when the fault strikes. */
  readonly committed?: true;
  /** COMMIT is in the same message: the server may be done before it finds the client gone. */
  readonly maybeCommitted?: true;
}

export interface Stage {
  readonly scene: Scene;
  readonly worker: RunnerProcess;
  readonly victim: Victim;
  /** Starts the attempt; its outcome is kept, whatever it is. */
  begin(more?: Partial<AttemptInput>): void;
  /** Ends the worker, the backend or the connection. */
  strike(pid: number): Promise<void>;
}

const onWire =
  (pattern: RegExp, when: 'before' | 'after', more: Partial<AttemptInput> = {}): FaultPoint['reach'] =>
  async ({ scene, victim, begin, strike }) => {
    let struck = false;
    await new Promise<void>((resolve) => {
      const hit = (sql: string) => !struck && pattern.test(sql);
      if (when === 'before')
        scene.wire.decide = async ({ sql, pid }) => {
          if (!hit(sql)) return 'pass';
          struck = true;
          await strike(pid);
          resolve();
          return victim === 'backend' ? 'pass' : 'cutBefore';
        };
      else {
        let at = -1;
        scene.wire.decide = ({ sql, n }) => {
          if (!hit(sql)) return 'pass';
          struck = true;
          at = n;
          return victim === 'backend' ? 'pass' : 'cutAfter';
        };
        scene.wire.onAnswered = async ({ n, pid }) => {
          if (n !== at) return;
          await strike(pid);
          resolve();
        };
      }
      begin(more);
    });
  };

/** Stops the server by a lock that it waits for, strikes, and lets go. */
const atLock =
  (take: (scene: Scene) => Promise<() => Promise<unknown>>, more: Partial<AttemptInput> = {}): FaultPoint['reach'] =>
  async ({ scene, begin, strike }) => {
    const release = await take(scene);
    begin(more);
    await strike(await scene.waiting());
    await release();
  };

const holding = (sql: string) => async (scene: Scene) => {
  await scene.client.query(`begin; ${sql}`);
  return () => scene.client.query('rollback');
};

/** A trigger on the ledger, which waits at a gate when the migration's own row comes. */
const atLedgerRow = async (scene: Scene) => {
  await query(
    scene.db.url,
    `create or replace function public.stop_here() returns trigger language plpgsql as $$ begin perform pg_advisory_xact_lock(4242); return null; end $$;
     create trigger stop_here after insert on acme.flotilla_ledger for each row when (new.kind in ('applied', 'reverted')) execute function public.stop_here()`,
  );
  const open = await closedGate(scene);
  return async () => {
    await open();
    await query(scene.db.url, 'drop trigger stop_here on acme.flotilla_ledger; drop function public.stop_here()');
  };
};

/** By the number that `runner.md` gives them. */
export const POINTS: Readonly<Record<number, readonly FaultPoint[]>> = {
  6: [{ title: 'before BEGIN', reach: onWire(OPENING, 'before') }],
  7: [
    {
      title: 'after BEGIN',
      reach: atLock(
        async (scene) => {
          await scene.client.query(`select pg_advisory_lock(${fenceKey('acme')})`);
          return () => scene.client.query(`select pg_advisory_unlock(${fenceKey('acme')})`);
        },
        { fenceFirst: true },
      ),
    },
  ],
  8: [{ title: 'after the lock', reach: atLock(holding('select from acme.knex_migrations_lock for update')) }],
  9: [{ title: 'after the fence', reach: onWire(FENCE, 'after', { fenceFirst: true }) }],
  10: [
    { title: 'after statement 1', reach: onWire(/\/\* one \*\//, 'after') },
    { title: 'after statement 2', reach: onWire(/\/\* two \*\//, 'after') },
    { title: 'after statement 3', reach: onWire(/\/\* three \*\//, 'after') },
  ],
  11: [{ title: 'after the ledger row', reach: atLock(atLedgerRow), maybeCommitted: true }],
  12: [{ title: 'when COMMIT was sent and its answer is lost', reach: onWire(CLOSING, 'after'), committed: true }],
};

/**
 * A tenant with one migration applied, faulted in the second (up or down) at a point, then tried again: it must hold what an undisturbed tenant
 * holds. Answers what the worker itself made of the fault.
 */
export async function faultAt(point: FaultPoint, victim: Victim, direction: 'up' | 'down' = 'up'): Promise<AttemptResult | 'ended'> {
  const [scene, reference] = [await createScene(FILES), await createScene(FILES)];
  for (const it of [scene, reference]) {
    expect(await it.attempt('up', { migrations: it.migrations.slice(0, 1), rolloutId: 'r-0' })).toMatchObject({ outcome: 'applied' });
    await it.sql(`insert into acme.notes (id, body) values (1, 'a'), (2, 'b')`);
    if (direction === 'down') expect(await it.attempt('up')).toMatchObject({ outcome: 'applied' });
  }
  expect(await reference.attempt(direction, { force: true })).toMatchObject({ outcome: direction === 'up' ? 'applied' : 'rolledBack' });

  const worker = await scene.process();
  let own: AttemptResult | 'ended' = 'ended';
  let settled: Promise<void> = Promise.resolve();
  await point.reach({
    scene,
    worker,
    victim,
    begin: (more = {}) => {
      settled = worker.attempt(direction, { force: true, ...more }).then(
        (result) => {
          own = result;
        },
        () => undefined,
      );
    },
    strike: async (pid) => {
      if (victim === 'worker') await worker.kill();
      if (victim === 'backend') await query(scene.db.url, 'select pg_terminate_backend($1)', [pid]);
      if (victim === 'network') scene.wire.cut();
    },
  });
  await settled;
  const again = await scene.attempt(direction, { force: true });
  expect(again).toMatchObject({ outcome: direction === 'up' ? 'applied' : 'rolledBack' });
  if (point.committed) expect(again.runs).toEqual([]);

  expect(await everythingIn(scene.db.url, 'acme')).toEqual(await everythingIn(reference.db.url, 'acme'));
  expect(await scene.state()).toEqual({
    history: direction === 'up' ? ['01_notes.js', '02_three.js'] : ['01_notes.js'],
    effects: { '01_notes': 1, '02_three': direction === 'up' ? 1 : 0 },
    left: NOTHING_LEFT,
  });
  return own;
}
