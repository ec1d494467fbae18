/** Ending a rollout while tenants are in hand, on real tenants. */

import pg from 'pg';
import { expect, it } from 'vitest';
import { createNotes, slow } from '../support/migration-sources.js';
import { ask, steeredFleet, strategy } from '../support/steered-fleet.js';
import { until } from '../support/until.js';

const INDEX = '20260102000000_notes_body';
const concurrently = `
exports.config = { transaction: false };
exports.up = (knex) => knex.raw('create index concurrently notes_body on notes (body)');
exports.down = (knex) => knex.raw('drop index concurrently notes_body');
`;

it('[S02] abort that cancels what is in hand tells of an index that CREATE INDEX CONCURRENTLY left half-built, and calls nobody clean', async () => {
  const fleet = await steeredFleet({
    hosts: { h1: { schemas: ['t01', 't02', 't03'] } },
    migrations: { '20260101000000_notes.js': createNotes, [`${INDEX}.js`]: concurrently },
    config: strategy(`canary: false, waves: [{ name: 'all' }], maxConcurrency: 1`),
  });
  await fleet.client.start({ to: '20260101000000_notes' });
  await fleet.ended();
  // A writer that does not end keeps the build waiting for it
  const writer = new pg.Client({ connectionString: fleet.hostUrls.h1! });
  await writer.connect();
  try {
    await writer.query(`begin; insert into t01.notes (body) values ('x')`);
    await fleet.client.start();
    const building = () =>
      fleet.rows(
        'h1',
        `select 1 from pg_index i join pg_class c on c.oid = i.indexrelid where c.relname = 'notes_body' and not i.indisvalid`,
      );
    await until(async () => (await building()).length > 0, 'the build');
    const answer = await fleet.client.abort({ ...ask('it blocks'), inFlight: 'cancel' });
    expect(answer).toMatchObject({ accepted: true, message: expect.stringContaining('cancelled') });
    const end = await fleet.ended();
    expect(end.state).toBe('aborted');
    expect(end.totals).toMatchObject({ applied: 0, parked: 1, cancelled: 2 });
    const told = await fleet.client.tenantStatus('t01');
    expect(told).toMatchObject({ state: 'parked', code: 'FLT_CANCELLED', message: expect.stringContaining('"notes_body" stays, invalid') });
    const [row] = await fleet.control<{ partial: boolean }>(
      `select partial from flotilla.rollout_tenant where tenant_id = 't01' order by rollout_id desc limit 1`,
    );
    expect(row!.partial).toBe(true);
    await writer.query('rollback');
    await fleet.client.retry({ ...ask('the writer is gone'), tenants: ['t01'] });
    await until(async () => (await fleet.client.tenantStatus('t01')).state === 'applied', 'the retry');
    expect(await building()).toEqual([]);
  } finally {
    await writer.query('rollback').catch(() => undefined);
    await writer.end();
  }
});

it('abort that cancels what is in hand leaves a tenant as it was where its migration runs in a transaction, and calls that no failure', async () => {
  const fleet = await steeredFleet({
    migrations: { '20260101000000_slow.js': slow(60) },
    config: strategy(`canary: false, waves: [{ name: 'all' }]`),
  });
  await fleet.client.start();
  await fleet.until((at) => at.totals.running > 0, 'tenants in hand');
  await until(
    async () =>
      (await fleet.rows('h1', `select 1 from pg_stat_activity where query like '%pg_sleep(60)%' and pid <> pg_backend_pid()`)).length > 0,
    'a statement that runs',
  );
  await fleet.client.abort({ ...ask('too slow'), inFlight: 'cancel' });
  expect(await fleet.ended()).toMatchObject({ state: 'aborted', totals: { cancelled: 6, parked: 0, failed: 0 }, failuresTotal: 0 });
  expect(await fleet.having('slow_table')).toEqual([]);
});
