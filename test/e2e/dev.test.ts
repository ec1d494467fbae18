/** `flotilla dev` in a copy of examples/quick-start: from nothing to a rollout, and what is left when it ends in whatever way. */

import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, it } from 'vitest';
import { localStackFile } from '../../src/spec/local-stack.js';
import { createDevProject, type DevProject } from '../support/dev-process.js';
import { query } from '../support/fleet.js';
import { until } from '../support/until.js';

const open: DevProject[] = [];
const setup = () => {
  const project = createDevProject();
  open.push(project);
  return project;
};
afterEach(async () => {
  for (const project of open.splice(0)) await project.remove();
});

const users = (url: string, schema: string) =>
  query(url, `select id, email, theme, locale, font_size, created_at, last_seen_at from "${schema}".users order by id`);

it('rolls the quick start out and back with no variable set, each row as it was', async () => {
  const project = setup();
  const dev = await project.dev('--tenants', '12', '--seed', 'seed.sql');
  const url = dev.stack.variables.FLOTILLA_MAIN_URL!;
  const before = await users(url, 'tenant_acme');
  expect(before).toHaveLength(40);

  const plan = await project.cli('plan', '--json');
  expect(plan.json, plan.stderr).toMatchObject({ totals: { tenants: 12, pending: 12 } });
  const start = await project.cli('start', '--wait', '--json');
  expect([start.code, start.json.totals?.applied]).toEqual([0, 12]);
  const [moved] = await query<{ n: number; dark: number; nulls: number }>(
    url,
    `select count(*)::int n, count(*) filter (where settings ->> 'theme' = 'dark')::int dark, count(*) filter (where settings ? 'theme' and settings ->> 'theme' is null)::int nulls from tenant_acme.user_preferences`,
  );
  // of 40 people: 10 have no theme, 13 no locale, 32 no font size; nobody lacks all three but those in both first groups without a size
  expect(moved).toEqual({ n: before.filter((user) => user.theme ?? user.locale ?? user.font_size).length, dark: 10, nulls: 0 });
  const [status] = await query<{ dormant: number }>(
    url,
    `select count(*) filter (where status = 'dormant' and dormant_since = last_seen_at)::int dormant from tenant_acme.users`,
  );
  expect(status!.dormant).toBe(
    before.filter((user) => user.last_seen_at && (user.last_seen_at as Date).getTime() < Date.now() - 365.25 * 864e5).length,
  );
  const again = await project.cli('start', '--wait', '--json');
  expect([again.code, again.json.totals?.applied ?? 0]).toEqual([0, 0]);

  expect(await dev.end('SIGINT')).toBe(0);
  await dev.nothingLeft();
  expect(existsSync(localStackFile(project.dir))).toBe(false);
});

it('refuses a second one in the same project and says which, and works beside one in another project', async () => {
  const [here, there] = [setup(), setup()];
  const dev = await here.dev('--tenants', '1', '--seed', 'seed.sql');
  const second = await here.cli('dev', '--json');
  expect([second.code, second.json.error.code]).toEqual([3, 'FLT_DEV_RUNNING']);
  expect(second.json.error.details.ui).toBe(dev.stack.temporal.uiUrl);
  const other = await there.dev('--tenants', '2', '--seed', 'seed.sql');
  for (const [project, tenants] of [
    [here, 1],
    [there, 2],
  ] as const) {
    const { json, stderr } = await project.cli('plan', '--check', '--json');
    expect(json.totals?.tenants, stderr).toBe(tenants);
  }
  expect([await dev.end('SIGTERM'), await other.end('SIGINT')]).toEqual([0, 0]);
  await Promise.all([dev.nothingLeft(), other.nothingLeft()]);
});

it('leaves nothing behind after kill -9, and starts again on the same data', async () => {
  const project = setup();
  const dev = await project.dev('--tenants', '3', '--seed', 'seed.sql');
  expect((await project.cli('start', '--wait', '--json')).json.totals?.applied).toBe(3);
  expect(await dev.end('SIGKILL')).toBe('SIGKILL');
  // At once, while the servers of the first are still on their way out.
  const again = await project.dev();
  await dev.nothingLeft();
  const { code, json } = await project.cli('plan', '--check', '--json');
  expect([code, json.totals]).toMatchObject([0, { tenants: 3, pending: 0, upToDate: 3 }]);
  const history = await project.cli('history', '--json');
  expect(history.code).toBe(0);
  expect(await again.end('SIGTERM')).toBe(0);
  await again.nothingLeft();
});

it('starts the worker again when a migration is added, and when the worker dies', async () => {
  const project = setup();
  const dev = await project.dev('--tenants', '2', '--seed', 'seed.sql');
  writeFileSync(
    join(project.dir, 'migrations', '20260201000000_notes.ts'),
    `import type { Knex } from 'knex';\nexport const up = (knex: Knex) => knex.schema.createTable('notes', (t) => { t.increments(); });\nexport const down = (knex: Knex) => knex.schema.dropTable('notes');\n`,
  );
  await dev.saw('a file changed');
  await dev.saw('worker ready');
  const { json, stderr } = await project.cli('plan', '--check', '--json');
  expect(json.to, stderr).toBe('20260201000000_notes');

  const worker = () => readWorker(project.dir);
  const first = await worker();
  process.kill(first, 'SIGKILL');
  await dev.saw('the worker ended by itself');
  await until(async () => (await worker()) !== first, 'another worker');
  expect(await dev.end('SIGINT')).toBe(0);
  await dev.nothingLeft();
});

async function readWorker(dir: string): Promise<number> {
  const { readLocalStack } = await import('../../src/spec/local-stack.js');
  return readLocalStack(dir)?.processes.find((it) => it.name === 'worker')?.pid ?? 0;
}
