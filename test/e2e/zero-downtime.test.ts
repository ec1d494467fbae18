/** examples/zero-downtime, with an application at work in every tenant from before the first migration until after the last. */

import { expect, it, onTestFinished } from 'vitest';
import { EXIT } from '../../src/client/exit-codes.js';
import { createDevProject } from '../support/dev-process.js';
import { query } from '../support/fleet.js';
import { type Release, startLoad } from '../support/load.js';

interface Member {
  readonly given: string;
  readonly family: string | null;
  readonly number: number;
}

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
/** The driver gives a bigint as text: it takes a number of either type, and knows it by its one name. */
const newRelease: Release<Member> = {
  name: 'new',
  table: 'members',
  columns: ['given_name', 'family_name', 'number'],
  store: ({ given, family, number }) => [given, family, number],
  read: (stored) => ({ given: stored.given_name as string, family: stored.family_name as string | null, number: Number(stored.number) }),
};

const SHAPE = `select json_object_agg(column_name, data_type || case is_nullable when 'NO' then ' not null' else '' end order by column_name) as columns
  from information_schema.columns where table_schema = $1 and table_name = 'members'`;
const LEFT = `select proname as name from pg_proc where pronamespace = $1::regnamespace
  union all select conname from pg_constraint where conrelid = format('%I.members', $1::text)::regclass and contype in ('u', 'c')`;

it('[Z1] [Z2] [Z3] [Z4] [Z5] [Z-gap] columns are split, widened and renamed under an application that sees no error, and every row is what it wrote last', async () => {
  const project = createDevProject('zero-downtime');
  onTestFinished(() => project.remove());
  const dev = await project.dev('--tenants', '6', '--seed', 'seed.sql');
  const url = dev.stack.variables.FLOTILLA_MAIN_URL!;
  const schemas = await query<{ name: string }>(url, `select nspname as name from pg_namespace where nspname like 'tenant\\_%'`);
  const tenants = schemas.map(({ name }) => name);
  expect(tenants).toHaveLength(6);

  const load = await startLoad({
    url,
    tenants,
    release: oldRelease,
    newRow: (n) => ({ given: `Given${n}`, family: n % 5 ? `Family ${n}` : null, number: 1_000_000 + n }),
  });
  onTestFinished(() => load.close());

  await load.working(oldRelease);
  const prepared = await project.cli('start', '--to', '20260119090000_members_constrained', '--wait', '--json');
  expect([prepared.code, prepared.json.totals], prepared.stdout).toMatchObject([0, { applied: 6 }]);

  await load.replace(oldRelease, newRelease);

  const contracted = await project.cli('start', '--wait', '--json');
  expect([contracted.code, contracted.json.totals], contracted.stdout).toMatchObject([0, { applied: 6 }]);
  await load.working(newRelease);
  const report = await load.stop();
  const compared = await load.compare(newRelease);
  console.log('zero-downtime:', JSON.stringify(report), JSON.stringify(compared));
  expect(load.errors).toEqual([]);
  expect(compared).toEqual({ rows: 6 * 4000 + report.insert - report.delete, lost: 0, stale: 0, tooMany: 0 });
  for (const tenant of tenants) {
    expect(await query(url, SHAPE, [tenant])).toEqual([
      {
        columns: {
          family_name: 'text',
          given_name: 'text not null',
          id: 'bigint not null',
          joined_at: 'timestamp with time zone not null',
          number: 'bigint not null',
        },
      },
    ]);
    expect(await query(url, LEFT, [tenant])).toEqual([{ name: 'members_number_key' }]);
  }
  const checked = await project.cli('validate', '--json');
  expect([checked.code, checked.json.counts], checked.stdout).toMatchObject([0, { tenants: 6, passed: 6, failed: 0 }]);

  const back = await project.cli('rollback', contracted.json.rolloutId, '--force', '--reason', 'the way back', '--yes', '--json');
  expect(back.code, back.stdout).toBe(0);
  const returned = await project.cli('wait', '--json');
  expect([returned.code, returned.json.totals], returned.stdout).toMatchObject([EXIT.rolledBack, { rolledBack: 6 }]);
  for (const release of [oldRelease, newRelease]) expect(await load.compare(release), release.name).toEqual(compared);
});
