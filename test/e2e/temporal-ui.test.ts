import { Client, Connection } from '@temporalio/client';
import { afterEach, expect, it } from 'vitest';
import { createFleet, type FleetFixture, query } from '../support/fleet.js';
import { failsWherePoisoned } from '../support/migration-sources.js';

const open: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of open.splice(0).reverse()) await close();
});

async function poisonedRollout(): Promise<{ fleet: FleetFixture; client: Client; rolloutId: string }> {
  const fleet = await createFleet({
    migrations: { '20260101000000_extras.js': failsWherePoisoned },
    config: `strategy: 's', strategies: { s: { bakeTime: '0s', canary: { exclude: ['t04'] }, waves: [{ name: 'all', maxFailures: 1 }] } },`,
  });
  open.push(() => fleet.close());
  await query(fleet.hostUrls.h1!, 'create table t04.poison (id int primary key)');
  await fleet.worker();
  const ended = await fleet.cli(['start', '--wait', '--yes', '--json', '--reason', 'release 7']);
  expect(ended.code, ended.stdout).toBe(9);
  const connection = await Connection.connect({ address: fleet.temporalAddress });
  open.push(() => connection.close());
  return { fleet, client: new Client({ connection }), rolloutId: ended.json.rolloutId };
}

const attributes = (description: { typedSearchAttributes: { getAll(): { key: { name: string }; value: unknown }[] } }) =>
  Object.fromEntries(description.typedSearchAttributes.getAll().map(({ key, value }) => [key.name, value]));

it('shows operators in the Temporal UI what ran, how it ended, and whom to look at', async () => {
  const { fleet, client, rolloutId } = await poisonedRollout();
  const rollout = client.workflow.getHandle(`flotilla/${fleet.name}`);
  const described = await rollout.describe();
  expect(described.status.name).toBe('FAILED'); // anything but success is red
  expect(attributes(described)).toMatchObject({
    FlotillaFleet: fleet.name,
    FlotillaRollout: rolloutId,
    FlotillaState: 'completedWithFailures',
  });
  expect(await described.staticSummary()).toContain(fleet.name);
  expect(await described.staticDetails()).toContain('release 7');

  const found: string[] = [];
  for await (const it of client.workflow.list({ query: `FlotillaRollout = '${rolloutId}'` }))
    found.push(it.workflowId.replace(fleet.name, 'F'));
  expect(found.sort()).toEqual(
    ['flotilla/F', `flotilla/F/${rolloutId}/w0-canary`, `flotilla/F/${rolloutId}/w1-all`, 'flotilla/F/tenant/t04'].sort(),
  );

  const parked = client.workflow.getHandle(`flotilla/${fleet.name}/tenant/t04`);
  expect(attributes(await parked.describe())).toMatchObject({
    FlotillaTenant: 't04',
    FlotillaHost: 'h1',
    FlotillaError: 'FLT_UNIQUE_VIOLATION',
    FlotillaState: 'parked',
  });
  const metadata = await parked.query<{
    currentDetails: string;
    definition: { updateDefinitions: { name: string; description: string }[] };
  }>('__temporal_workflow_metadata');
  expect(metadata.currentDetails).toContain('t04');
  for (const verb of ['retry', 'skip', 'rollback'])
    expect(metadata.definition.updateDefinitions.find((it) => it.name === verb)?.description.length).toBeGreaterThan(10);

  const wave = client.workflow.getHandle(`flotilla/${fleet.name}/${rolloutId}/w1-all`);
  const lists = (await wave.fetchHistory()).events!.filter(
    (it) => it.activityTaskScheduledEventAttributes?.activityType?.name === 'migrateTenants',
  );
  const summaries = lists.map((it) => Buffer.from(it.userMetadata!.summary!.data!).toString());
  expect(summaries).toContain('"h1: t04"'); // in a small wave each tenant is a line of its own
});
