import { afterEach, expect, it } from 'vitest';
import { createFleet, query } from '../support/fleet.js';
import { failsWherePoisoned } from '../support/migration-sources.js';
import { until } from '../support/until.js';
import { startWeb } from '../support/web.js';

const open: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of open.splice(0).reverse()) await close();
});

it('tells one notice per event however many tenants fail, and goes on when a webhook takes none', async () => {
  const receiver = await startWeb({ status: 204 });
  const broken = await startWeb({ status: 500 });
  const fleet = await createFleet({
    migrations: { '20260101000000_extras.js': failsWherePoisoned },
    config: `strategy: 's', strategies: { s: { canary: false, waves: [{ name: 'all', maxFailures: 5 }], sameErrorThreshold: false } },
      notify: [{ url: '${receiver.url}' }, { url: '${broken.url}/4711', events: ['finished'] }],`,
  });
  open.push(() => fleet.close());
  await query(fleet.hostUrls.h1!, ['t01', 't03', 't05'].map((schema) => `create table ${schema}.poison (id int primary key)`).join(';'));
  const worker = await fleet.worker();
  const ended = await fleet.cli(['start', '--wait', '--yes', '--json']);
  expect(ended.code, ended.stdout).toBe(9);
  expect(ended.json.totals).toMatchObject({ applied: 3, parked: 3 });
  const told = receiver.asked.map(({ body }) => JSON.parse(body));
  expect(told.map(({ kind }) => kind)).toEqual(['parked', 'finished']);
  expect(told[1]).toMatchObject({
    fleet: fleet.name,
    state: 'completedWithFailures',
    text: 'The rollout ended completedWithFailures: 3 migrated, 3 failed, 0 rolled back.',
    commands: ['flotilla retry --failed'],
  });
  const failures = await until(async () => {
    const { events } = (await fleet.cli(['audit', '--json'])).json;
    const failed = events.filter(({ verb }: { verb: string }) => verb === 'notify');
    return failed.length > 0 && failed;
  }, 'the webhook that took nothing is in the audit trail');
  expect(failures).toMatchObject([{ subject: 'finished', reason: 'FLT_NOTIFY_FAILED: notify.1: it answers 500' }]);
  expect(JSON.stringify(failures) + worker.output()).not.toContain('4711');
});
