/** A fleet that rolls the migrations of a published project, for tests that come at it from different sides. */

import { join } from 'node:path';
import { expect, inject } from 'vitest';
import { backstageMigrations, copyMigrations, withKnex } from './backstage.js';
import { catalogOf } from './catalog.js';
import { createFleet, type FleetFixture, type FleetOptions, query } from './fleet.js';
import { until } from './until.js';

const cleanup: (() => Promise<unknown>)[] = [];
export async function closeBackstage(): Promise<void> {
  for (const undo of cleanup.splice(0).reverse()) await undo();
}

let serial = 0;
export async function createDatabase(): Promise<{ name: string; url: string }> {
  const { url } = inject('postgres');
  const name = `backstage_${process.pid}_${++serial}`;
  await query(url, `create database ${name}`);
  cleanup.push(() => query(url, `drop database ${name} with (force)`));
  const at = new URL(url);
  at.pathname = `/${name}`;
  return { name, url: at.toString() };
}

/** The final bake keeps the rollout open, so that it can be rolled back as a whole. */
const keptOpen = `strategy: 'kept', strategies: { kept: { canary: { count: 1, bakeTime: '0s' }, bakeTime: '0s', finalBakeTime: '1h', waves: [{ name: 'all' }] } },`;

export async function createBackstage(
  options: Omit<FleetOptions, 'migrations'>,
  last?: string,
): Promise<{ fleet: FleetFixture; files: string[]; directory: string }> {
  const fleet = await createFleet({ ...options, config: keptOpen, migrations: {} });
  cleanup.push(() => fleet.close());
  const directory = join(fleet.dir, 'migrations');
  return { fleet, directory, files: copyMigrations(await backstageMigrations(), directory, last) };
}

/** What Knex alone builds from the same files in an empty database. */
export async function knexBuilds(directory: string): Promise<string[]> {
  const { url } = await createDatabase();
  await withKnex(url, directory, undefined, (db) => db.migrate.latest());
  return catalogOf(url, 'public');
}

/** Says it again while no worker was there to take it: then nothing was sent. */
const taken = (fleet: FleetFixture, ...verb: readonly string[]) =>
  until(
    async () => {
      const answer = await fleet.cli([...verb, '--json']);
      return answer.code !== 8 && answer;
    },
    `a worker takes "${verb[0]}"`,
    60_000,
  );

export async function startedAndApplied(fleet: FleetFixture, tenants: number) {
  const started = await taken(fleet, 'start', '--yes');
  expect(started.code, started.stdout + started.stderr).toBe(0);
  return until(
    async () => {
      const { json } = await fleet.cli(['status', '--json']);
      if (json.totals.failed + json.totals.parked > 0) throw new Error(JSON.stringify(json.failures));
      return json.totals.applied === tenants && json.state === 'baking' && json;
    },
    'every tenant applied',
    180_000,
  );
}

interface Told {
  readonly id: string;
  readonly state: string;
  readonly code?: string;
  readonly message?: string;
}

export interface Place {
  readonly id: string;
  readonly url: string;
  readonly schema: string;
}

/** Refused first, because deltas removed something and nothing proved the return exact; then forced with a reason. */
export async function rolledBack(
  fleet: FleetFixture,
  places: readonly Place[],
  first: readonly (readonly string[])[],
  files: readonly string[],
) {
  const asked = await taken(fleet, 'rollback', '--reason', 'not what we wanted');
  // With workers that die all the time the verdict may take longer than the command waits for it
  expect([3, 6], asked.stdout).toContain(asked.code);
  const named = await until(
    async () => {
      const { refused } = (await fleet.cli(['status', '--json'])).json.rollback ?? {};
      return refused?.length > 0 && JSON.stringify(refused);
    },
    'the rollback is refused',
    60_000,
  );
  expect(
    files.some((file) => named.includes(file.replace('.js', ''))),
    named,
  ).toBe(true);
  await until(
    async () => (await fleet.cli(['status', '--json'])).json.totals.applied === places.length,
    'every tenant is still applied, as far as somebody is there to say so',
    60_000,
  );

  const listed = () =>
    until(
      async () => {
        const { json } = await fleet.cli(['status', '--tenants', '--json']);
        return json.tenants?.length === places.length && (json.tenants as Told[]);
      },
      'every tenant is listed',
      60_000,
    );
  // A tenant that has lost three workers in a row waits for a person, who rolls back once more
  let tenants: readonly Told[] = [];
  for (let tries = 0; tries === 0 || (tries < 5 && tenants.some(({ code }) => code === 'FLT_WORKER_LOST')); tries++) {
    const forced = await taken(fleet, 'rollback', '--force', '--reason', 'not what we wanted');
    expect([0, 6], forced.stdout + forced.stderr).toContain(forced.code);
    const end = await fleet.cli(['wait', '--json']);
    expect([4, 5], end.stdout).toContain(end.code);
    tenants = await listed();
  }
  const failed = new Map(tenants.map((t) => [t.id, t]));
  const verdicts: string[] = [];
  for (const [index, place] of places.entries()) {
    const now = await catalogOf(place.url, place.schema);
    const tenant = failed.get(place.id)!;
    if (JSON.stringify(now) === JSON.stringify(first[index])) {
      expect(tenant.state).toBe('rolledBack');
      verdicts.push('returned');
    } else {
      expect(tenant.code, JSON.stringify(tenant)).toMatch(/^FLT_/);
      expect(
        files.some((file) => tenant.message?.includes(file.replace('.js', ''))),
        tenant.message,
      ).toBe(true);
      verdicts.push(`${tenant.code}: ${tenant.message?.replace(place.id, '…')}`);
    }
  }
  return [...new Set(verdicts)];
}

/** Its down forgets a comment on a column that its up drops: all later migrations are taken back, and this one is named. */
export const inexact = `FLT_REVERT_INEXACT: …: the down of 20220116144621_remove_legacy is not the inverse of its up, and was rolled back (added: comment entities: full_name 'The full name of the entity').`;
