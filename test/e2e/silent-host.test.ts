import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { freePort, startPostgres } from '../../src/dev/embedded-postgres.js';
import { createFleet, query } from '../support/fleet.js';
import { slow } from '../support/migration-sources.js';
import { until } from '../support/until.js';

it('[S12] a host that dies with hundreds pending is one incident: its tenants wait, those of others go on, no budget is spent, and they are taken up by themselves when it answers', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'flotilla-silent-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const [port, dataDir] = [await freePort(), join(folder, 'data')];
  const start = () => startPostgres({ dataDir, port, persistent: true });
  let server = await start();
  onTestFinished(() => server.stop());
  const names = (prefix: string, n: number) => Array.from({ length: n }, (_, i) => `${prefix}${String(i).padStart(3, '0')}`);
  const theirs = names('tb', 400);
  await query(server.url, theirs.map((schema) => `create schema ${schema}`).join(';'));

  const fleet = await createFleet({
    hosts: { h1: { schemas: names('ta', 20) }, h2: { schemas: [], url: server.url } },
    migrations: { '20260101000000_slow.js': slow(0.05) },
  });
  onTestFinished(() => fleet.close());
  const count = `select count(*)::int n from pg_class where relname = 'slow_table' and relkind = 'r'`;
  const worker = await fleet.worker();
  expect((await fleet.cli(['start', '--yes', '--json'])).code).toBe(0);
  await until(async () => (await query<{ n: number }>(server.url, count))[0]!.n >= 4, 'four tenants of h2 migrated');
  await server.stop();

  const at = await until(
    async () => {
      const { json } = await fleet.cli(['status', '--json']);
      return json.reasons.some((it: { kind: string }) => it.kind === 'host') && json.totals.blocked > 0 && json.state === 'paused' && json;
    },
    'nothing but the silent host left',
    90_000,
  );
  expect((await fleet.rows<{ n: number }>('h1', count))[0]!.n).toBe(20);
  expect(at.totals).toMatchObject({ applied: expect.any(Number), failed: 0, parked: 0, unknown: 0 });
  expect(at.totals.applied + at.totals.blocked).toBe(420);
  expect(at.totals.blocked).toBeGreaterThan(200);
  expect(at.reasons).toHaveLength(1);
  expect(at.reasons[0]).toMatchObject({ kind: 'host', host: 'h2', clears: 'itself' });

  server = await start();
  const ended = await fleet.cli(['wait', '--json']);
  expect(ended.code, ended.stdout).toBe(0);
  expect(ended.json.totals).toMatchObject({ applied: 420, failed: 0, parked: 0, blocked: 0 });
  const doubled = theirs
    .map((schema) => `select '${schema}' from ${schema}.flotilla_ledger where kind = 'applied' having count(*) <> 1`)
    .join(' union all ');
  expect(await query(server.url, doubled)).toEqual([]);
  await worker.stop(); // holds connections to the server that goes next
});
