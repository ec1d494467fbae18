import { Client, Connection } from '@temporalio/client';
import { afterEach, expect, it } from 'vitest';
import { createFleet, type FleetFixture, query } from '../support/fleet.js';

const open: FleetFixture[] = [];
afterEach(async () => {
  for (const fleet of open.splice(0)) await fleet.close();
});

const ROW = 'ROWSECRET4711';
const PASSWORD = 'DSNSECRET0815';
const BINDING = 'BINDSECRET2342';

it('lets no credential and no row of tenant data into a workflow history, a log or an output', async () => {
  const role = `keeper_${process.pid}`;
  const fleet = await createFleet({
    hosts: { h1: { schemas: ['t01', 't02', 't03', 't04'] } },
    seed: `create table people (email text, born text); insert into people values ('${ROW}', '${ROW}'), ('${ROW}', '${ROW}')`,
    migrations: {
      '20260101000000_unique.js': `exports.up = (knex) => knex.schema.alterTable('people', (t) => t.unique(['email'])); exports.down = () => {};`,
      '20260102000000_cast.js': `exports.up = (knex) => knex.raw('insert into people (email) values (?::int::text)', ['${BINDING}']); exports.down = () => {};`,
      '20260103000000_throws.js': `exports.up = async (knex) => { const { rows } = await knex.raw('select email from people limit 1'); throw new Error('bad row ' + rows[0].email + ' ' + knex.client.config.connection); }; exports.down = () => {};`,
    },
    config: `strategies: { loud: { canary: false, waves: [{ name: 'all' }], onBreach: 'continue' } }, strategy: 'loud',`,
  });
  open.push(fleet);
  await query(fleet.hostUrls.h1!, `create role ${role} superuser login password '${PASSWORD}'`);
  const dsn = new URL(fleet.hostUrls.h1!);
  dsn.username = role;
  dsn.password = PASSWORD;
  // Each tenant meets another failing statement: t02 has passed the first, t03 the first two.
  for (const [schema, names] of [
    ['t02', ['20260101000000_unique.js']],
    ['t03', ['20260101000000_unique.js', '20260102000000_cast.js']],
  ] as const)
    await query(
      fleet.hostUrls.h1!,
      `create table ${schema}.knex_migrations (id serial primary key, name varchar(255), batch int, migration_time timestamptz); insert into ${schema}.knex_migrations (name, batch, migration_time) select unnest(array[${names.map((n) => `'${n}'`)}]), 1, now()`,
    );
  const worker = await fleet.worker([], { PG_H1: dsn.toString(), LOG_LEVEL: 'debug', FLOTILLA_LOG_LEVEL: 'debug' });
  const printed: string[] = [];
  for (const args of [
    ['plan'],
    ['plan', '--json'],
    ['start', '--wait', '--yes', '--json'],
    ['status', '--json'],
    ['status'],
    ['status', '--tenant', 't01', '--json'],
    ['tenants', '--json'],
    ['history', '--json'],
    ['audit', '--json'],
    ['doctor', '--json'],
  ]) {
    const ran = await fleet.cli(args);
    printed.push(ran.stdout, ran.stderr);
  }
  expect(printed.join('')).toContain('FLT_UNIQUE_VIOLATION');

  const connection = await Connection.connect({ address: fleet.temporalAddress });
  const client = new Client({ connection });
  const histories: string[] = [];
  for await (const it of client.workflow.list({ query: `WorkflowId STARTS_WITH 'flotilla/${fleet.name}'` })) {
    const history = await client.workflow.getHandle(it.workflowId, it.runId).fetchHistory();
    for (const event of history.events ?? []) {
      const text = JSON.stringify(event, (_, value) =>
        value && typeof value === 'object' && value.type === 'Buffer'
          ? Buffer.from(value.data).toString()
          : value instanceof Uint8Array
            ? Buffer.from(value).toString()
            : value,
      );
      histories.push(text);
    }
  }
  await connection.close();
  expect(histories.length).toBeGreaterThan(50);
  const control = JSON.stringify(
    await fleet.control(
      `select row_to_json(t)::text j from flotilla.rollout_tenant t union all select row_to_json(e)::text from flotilla.event e`,
    ),
  );
  await worker.stop();
  const everything = { printed: printed.join('\n'), histories: histories.join('\n'), log: worker.output(), control };
  for (const [where, text] of Object.entries(everything))
    for (const secret of [ROW, PASSWORD, BINDING]) expect(text.includes(secret), `${secret} in ${where}`).toBe(false);
  await query(fleet.hostUrls.h1!, `reassign owned by ${role} to postgres; drop owned by ${role}; drop role ${role}`);
});
