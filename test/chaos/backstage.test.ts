/** A published project's migrations, while workers are killed all the time. */

import { afterEach, expect, it } from 'vitest';
import { withKnex } from '../support/backstage.js';
import {
  closeBackstage,
  createBackstage,
  createDatabase,
  inexact,
  knexBuilds,
  rolledBack,
  startedAndApplied,
} from '../support/backstage-fleet.js';
import { catalogOf } from '../support/catalog.js';
import type { FleetFixture } from '../support/fleet.js';
import { query } from '../support/postgres.js';

const cleanup: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const undo of cleanup.splice(0)) await undo();
  await closeBackstage();
});

/**
 * Of 225 on the way up: while tenants are in hand two workers die, for one that has lost three in a row is given up, however slow the machine is.
 * Who is given up on the way back is rolled back once more.
 */
const MIGRATIONS_PER_KILL = 75;

/** Two workers, of which the older one is killed and replaced whenever so many migrations have come or gone. Answers what stops it, and how many it killed. */
async function killing(fleet: FleetFixture, migrations: () => Promise<number>) {
  const workers = [await fleet.worker(), await fleet.worker()];
  let over = false;
  let killed = 0;
  let due = 0;
  let stood = 0;
  const loop = (async () => {
    while (!over || killed < due) {
      const standing = Math.floor((await migrations()) / MIGRATIONS_PER_KILL);
      due += Math.abs(standing - stood);
      stood = standing;
      if (killed >= due) {
        await new Promise((done) => setTimeout(done, 100)); // between two looks
        continue;
      }
      const [oldest] = workers.splice(0, 1);
      oldest!.process.kill('SIGKILL');
      killed++;
      workers.push(await fleet.worker());
    }
  })();
  return {
    async stop() {
      over = true;
      await loop;
      return killed;
    },
  };
}

/** How many stand in Knex's history. */
async function migrationsIn(url: string): Promise<number> {
  const [there] = await query<{ yes: boolean }>(url, `select to_regclass('knex_migrations') is not null as yes`);
  return there!.yes ? (await query<{ n: number }>(url, 'select count(*)::int as n from knex_migrations'))[0]!.n : 0;
}

it('its 45 migrations go forth and back over five tenant databases as if nobody had been killed', async () => {
  const databases = await Promise.all(Array.from({ length: 5 }, createDatabase));
  const admin = await createDatabase();
  const places = databases.map(({ url }, i) => ({ id: `d${i}`, url, schema: 'public' }));
  const { fleet, directory, files } = await createBackstage({
    hosts: { h1: { schemas: [], url: admin.url } },
    tenants: `[fromList([${databases.map(({ name }, i) => `{ id: 'd${i}', host: 'h1', database: '${name}', schema: 'public' }`)}])]`,
  });
  const first = await Promise.all(places.map((place) => catalogOf(place.url, place.schema)));
  const killer = await killing(fleet, async () => {
    const counts = await Promise.all(places.map(({ url }) => migrationsIn(url)));
    return counts.reduce((all, n) => all + n, 0);
  });
  cleanup.push(killer.stop);
  await startedAndApplied(fleet, 5);
  const expected = await knexBuilds(directory);
  for (const place of places) {
    expect(await catalogOf(place.url, place.schema)).toEqual(expected);
    const [done, pending] = await withKnex(place.url, directory, undefined, (db) => db.migrate.list());
    expect(done.map((it: { name: string }) => it.name)).toEqual(files);
    expect(pending).toEqual([]);
  }
  expect(await rolledBack(fleet, places, first, files)).toEqual([inexact]);
  expect(await killer.stop()).toBeGreaterThan(3);
}, 480_000);
