/** examples/zero-downtime, with the application at work in every tenant from before the first migration until after the last. */

import { expect, it, onTestFinished } from 'vitest';
import { createDevProject } from '../support/dev-process.js';
import { query, until } from '../support/fleet.js';
import { type Release, startLoad } from '../support/load.js';

interface Member {
  readonly given: string;
  readonly family: string | null;
  readonly number: number;
}

/** Knows `name`, and of `number` only what it is called. */
const oldRelease: Release<Member> = {
  name: 'old',
  table: 'members',
  columns: ['name', 'number'],
  store: ({ given, family, number }) => [family === null ? given : `${given} ${family}`, number],
  read({ name, number }) {
    const [given, ...family] = (name as string).split(' ');
    return { given: given!, family: family.join(' ') || null, number: Number(number) };
  },
};
const newRelease: Release<Member> = {
  name: 'new',
  table: 'members',
  columns: ['given_name', 'family_name', 'number'],
  store: ({ given, family, number }) => [given, family, number],
  read: (stored) => ({
    given: stored.given_name as string,
    family: stored.family_name as string | null,
    number: Number(stored.number),
  }),
};

const SHAPE = `select column_name, data_type, is_nullable from information_schema.columns where table_schema = $1 and table_name = 'members' order by 1`;
const LEFT = `select proname as name from pg_proc where pronamespace = $1::regnamespace
  union all select conname from pg_constraint where conrelid = format('%I.members', $1::text)::regclass and contype in ('u', 'c') order by 1`;

it('[Z1] [Z2] [Z3] [Z4] [Z5] [Z-gap] columns are split, widened and renamed under an application that notices nothing, and every row is what it wrote last', async () => {
  const project = createDevProject('zero-downtime');
  onTestFinished(() => project.remove());
  const dev = await project.dev('--tenants', '6', '--seed', 'seed.sql');
  const url = dev.stack.variables.FLOTILLA_MAIN_URL!;
  const schemas = await query<{ nspname: string }>(url, `select nspname from pg_namespace where nspname like 'tenant\\_%' order by 1`);
  const tenants = schemas.map(({ nspname }) => nspname);
  expect(tenants).toHaveLength(6);

  const load = await startLoad({
    url,
    tenants,
    release: oldRelease,
    newRow: (n) => ({ given: `Given${n}`, family: n % 5 ? `Family ${n}` : null, number: 1_000_000 + n }),
  });
  onTestFinished(() => load.close());
  const working = (release: Release<Member>, changes = 100) => {
    const from = load.changes(release);
    return until(async () => load.changes(release) >= from + changes || load.errors.length > 0, `work of the ${release.name} release`);
  };

  await working(oldRelease);
  const prepared = await project.cli('start', '--to', '20260119090000_members_constrained', '--wait', '--json');
  expect([prepared.code, prepared.json.totals], prepared.stdout).toMatchObject([0, { applied: 6 }]);

  await load.deploy(oldRelease, newRelease);
  await Promise.all([working(oldRelease), working(newRelease)]);
  await load.deploy(newRelease);

  const contracted = await project.cli('start', '--wait', '--json');
  expect([contracted.code, contracted.json.totals], contracted.stdout).toMatchObject([0, { applied: 6 }]);
  await working(newRelease);
  const report = await load.stop();
  const compared = await load.compare(newRelease);
  console.log('zero-downtime', report, compared);
  expect(load.errors).toEqual([]);
  expect(compared).toEqual({ rows: 6 * 4000 + report.insert - report.delete, lost: 0, stale: 0, tooMany: 0 });
  for (const tenant of tenants) {
    expect(await query(url, SHAPE, [tenant])).toEqual([
      { column_name: 'family_name', data_type: 'text', is_nullable: 'YES' },
      { column_name: 'given_name', data_type: 'text', is_nullable: 'NO' },
      { column_name: 'id', data_type: 'bigint', is_nullable: 'NO' },
      { column_name: 'joined_at', data_type: 'timestamp with time zone', is_nullable: 'NO' },
      { column_name: 'number', data_type: 'bigint', is_nullable: 'NO' },
    ]);
    expect(await query(url, LEFT, [tenant])).toEqual([{ name: 'members_number_key' }]);
  }
  const checked = await project.cli('validate', '--json');
  console.log(checked.code, checked.stdout.slice(0, 3000));
});
