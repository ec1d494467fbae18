/** Backfills of `flotilla/migration`, run by the runner on a real server. */

import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { BackfillProgress } from '../../../src/domain/backfill/progress.js';
import { createDatabase, createFixture, query, type RunnerFixture, type TestDatabase } from '../../support/postgres.js';

let db: TestDatabase;
const fixtures: RunnerFixture[] = [];
let serial = 0;
beforeAll(async () => {
  db = await createDatabase('backfill');
});
afterEach(async () => {
  for (const fixture of fixtures.splice(0)) await fixture.close();
});
afterAll(() => db.drop());

/** A tenant with what `sql` creates, and one migration that declares the backfill which `source` describes. */
async function setup(sql: string, source: string, more: Record<string, string> = {}) {
  const schema = `t${++serial}`;
  await query(db.url, `create schema ${schema}; set search_path to ${schema}; ${sql}`);
  const fixture = createFixture(db.url, {
    '02_fill.mjs': `import { backfill } from 'flotilla/migration';
      const fill = backfill(${source});
      export const config = { transaction: false };
      export const flotilla = { backfill: fill };
      export const up = fill.up; export const down = async () => {};`,
    ...more,
  });
  fixtures.push(fixture);
  const tenant = { id: schema, host: 'h1', schema };
  const progress: BackfillProgress[] = [];
  return {
    schema,
    fixture,
    progress,
    sql: (text: string) => query<Record<string, unknown>>(`${db.url}?options=-csearch_path%3D${schema}`, text),
    attempt: (input: Partial<Parameters<typeof fixture.runner.attempt>[0]> = {}) =>
      fixture.attempt(tenant, 'up', { fenceFirst: true, onBackfill: (it) => progress.push(it), ...input }),
  };
}

const USERS = (rows: number) => `create table users (id int primary key, first text, last text, full_name text);
  insert into users select n, 'F' || n, 'L' || n from generate_series(1, ${rows}) n;`;
const FULL_NAME = `{ table: 'users', set: { full_name: "first || ' ' || last" }, chunk: { rows: 100, maxRows: 100 }, pace: { rest: 0 } }`;

describe('a backfill', () => {
  it('[B1] publishes the estimate, then the exact count, before the first row is written', async () => {
    const it = await setup(
      `${USERS(250)} analyze users; insert into users select n, 'x', 'y' from generate_series(251, 260) n;`,
      FULL_NAME,
    );
    expect(await it.attempt()).toMatchObject({ outcome: 'applied', runs: [{ name: '02_fill', written: 260 }] });
    expect(it.progress[0]).toMatchObject({ total: 250, exact: false, visited: 0, written: 0 });
    expect(it.progress[1]).toMatchObject({ total: 260, exact: true, visited: 0, written: 0 });
    expect(await it.sql('select count(*)::int n from users where full_name = first || chr(32) || last')).toEqual([{ n: 260 }]);
  });
});
