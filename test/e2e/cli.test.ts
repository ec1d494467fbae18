import { readFileSync } from 'node:fs';
import { createJiti } from 'jiti';
import { afterEach, expect, it } from 'vitest';
import { DOCUMENTS, type DocumentKind } from '../../src/client/documents.js';
import { createFleet, type FleetFixture, type FleetOptions, query, sixTenants } from '../support/fleet.js';
import { addTitle, createNotes, failsWherePoisoned, waitsAtGate } from '../support/migration-sources.js';
import { until } from '../support/until.js';

const open: FleetFixture[] = [];
const setup = async (options: Partial<FleetOptions> = {}) => {
  const fleet = await createFleet({ migrations: { '20260101000000_notes.js': createNotes }, ...options });
  open.push(fleet);
  await fleet.worker();
  return fleet;
};
afterEach(async () => {
  for (const fleet of open.splice(0)) await fleet.close();
});

/** Runs with --json, and holds the document against its schema: docs/json.md is made from the same. */
async function json(fleet: FleetFixture, kind: DocumentKind, ...args: string[]) {
  const ran = await fleet.cli([...args, '--json']);
  expect(ran.json?.kind, `${args.join(' ')} printed ${ran.stdout}${ran.stderr}`).toBe(kind);
  if (!ran.json.error) expect(DOCUMENTS[kind].parse(ran.json), 'no field that the schema does not name').toEqual(ran.json);
  return { code: ran.code, ...ran.json };
}

const poison = (fleet: FleetFixture, ...schemas: string[]) =>
  query(fleet.hostUrls.h1!, schemas.map((s) => `create table "${s}".poison (id int primary key)`).join(';'));
const heal = (fleet: FleetFixture, ...schemas: string[]) =>
  query(fleet.hostUrls.h1!, schemas.map((s) => `drop table "${s}".poison`).join(';'));
const gate = async (fleet: FleetFixture) => {
  await query(fleet.hostUrls.h1!, 'create table public.gate (open boolean); insert into public.gate values (false)');
  return () => query(fleet.hostUrls.h1!, 'update public.gate set open = true');
};

const strategy = (fields: string) => `strategy: 'own', strategies: { own: { ${fields} } },`;
const poisoned = { migrations: { '20260101000000_extras.js': failsWherePoisoned } };

it('plans, starts the plan, waits, and reads it all back', async () => {
  const fleet = await setup();
  const check = await json(fleet, 'plan', 'plan', '--check');
  expect(check).toMatchObject({ code: 7, frozen: false, totals: { tenants: 6, pending: 6 } });

  const plan = await json(fleet, 'plan', 'plan');
  expect(plan).toMatchObject({ code: 0, frozen: true, to: '20260101000000_notes', totals: { tenants: 6, pending: 6, upToDate: 0 } });
  expect(plan.next[0].command).toBe(`flotilla start ${plan.planId}`);

  const ended = await json(fleet, 'start', 'start', plan.planId, '--wait', '--actor', 'ana', '--reason', 'release 7');
  expect(ended).toMatchObject({ code: 0, outcome: 'started', state: 'succeeded', open: false, planId: plan.planId });
  expect(ended.totals).toMatchObject({ applied: 6, pending: 0 });

  expect(await json(fleet, 'status', 'status')).toMatchObject({ code: 0, state: 'succeeded', rolloutId: ended.rolloutId });
  expect(await json(fleet, 'wait', 'wait', ended.rolloutId)).toMatchObject({ code: 0, why: 'ended', state: 'succeeded' });
  expect((await json(fleet, 'status', 'status', '--tenants')).tenants).toHaveLength(6);
  expect((await json(fleet, 'tenant', 'status', '--tenant', 't03')).tenant).toMatchObject({ id: 't03', host: 'h1', state: 'applied' });
  expect((await json(fleet, 'tenants', 'tenants')).tenants.map((t: { id: string }) => t.id)).toEqual(sixTenants);
  expect(await json(fleet, 'ready', 'ready', '--all', '20260101000000_notes.js')).toMatchObject({ code: 0, ready: true, missing: 0 });
  expect(await json(fleet, 'ready', 'ready', 't01', '20260101000000_notes')).toMatchObject({ code: 0, ready: true });
  const history = await json(fleet, 'history', 'history');
  expect(history.rollouts[0]).toMatchObject({ rolloutId: ended.rolloutId, state: 'succeeded', actor: 'ana', reason: 'release 7' });
  const audit = await json(fleet, 'audit', 'audit');
  expect(audit.events.map((e: { verb: string }) => e.verb)).toContain('start');

  for (const verb of ['status', 'history', 'audit', 'tenants', 'plan']) {
    const text = await fleet.cli([verb]);
    expect(text.code, text.stdout + text.stderr).toBe(0);
    expect(text.stdout.length).toBeGreaterThan(10);
  }
});

it("[K4] says in the worker's log how many rows a migration wrote in which tenant, there and back", async () => {
  const fleet = await createFleet({
    config: strategy(`bakeTime: '0s', finalBakeTime: '1h', waves: [{ name: 'all' }]`),
    migrations: {
      '20260101000000_moves.js': `exports.up = async (knex) => { await knex.schema.createTable('moved', (t) => { t.integer('n'); }); await knex.raw('insert into moved select generate_series(1, 20)'); };
        exports.down = async (knex) => { await knex('moved').where('n', '>', 5).del(); await knex.schema.dropTable('moved'); };`,
    },
  });
  open.push(fleet);
  const worker = await fleet.worker();
  await fleet.cli(['start', '--yes']);
  const line = (direction: string, rows: number) =>
    new RegExp(
      `"tenant":"[^"]+","host":"h1","migration":"20260101000000_moves","direction":"${direction}","rows":${rows},.*"msg":"rows written"`,
    );
  await worker.saw(line('up', 20));
  await until(async () => (await fleet.cli(['status', '--json'])).json.state === 'baking', 'every tenant migrated');
  expect((await json(fleet, 'steer', 'rollback', '--reason', 'no use')).accepted).toBe(true);
  await worker.saw(line('down', 15));
});

it('says that nothing is to do, in text and in JSON', async () => {
  const fleet = await setup();
  expect((await fleet.cli(['start', '--wait', '--yes'])).code).toBe(0);
  const again = await json(fleet, 'start', 'start', '--wait');
  expect(again).toMatchObject({ code: 0, outcome: 'nothingToDo', state: null });
  expect(again.totals.upToDate).toBe(6);
  expect((await fleet.cli(['start'])).stdout).toContain('6 tenants on 1 host are up to date with 20260101000000_notes');
  expect((await json(fleet, 'plan', 'plan', '--check')).code).toBe(0);
});

it('is not ready for a migration that is not there yet', async () => {
  const fleet = await setup();
  expect((await fleet.cli(['plan'])).code).toBe(0);
  expect((await fleet.cli(['start', '--wait', '--yes', '--tenant', 't01', '--tenant', 't02'])).code).toBe(0);
  expect(await json(fleet, 'ready', 'ready', 't01', '20260101000000_notes')).toMatchObject({ code: 0, ready: true });
  expect(await json(fleet, 'ready', 'ready', 't05', '20260101000000_notes')).toMatchObject({ code: 7, ready: false });
  expect(await json(fleet, 'ready', 'ready', 'nobody', '20260101000000_notes')).toMatchObject({
    code: 3,
    error: { code: 'FLT_UNKNOWN_TENANT' },
  });
});

it('pauses with exit 4 for the one who waits, and resumes', async () => {
  const fleet = await setup({ migrations: { '20260101000000_gated.js': waitsAtGate } });
  const openGate = await gate(fleet);
  expect((await json(fleet, 'start', 'start')).code).toBe(0);
  const paused = await json(fleet, 'steer', 'pause', '--actor', 'ana', '--reason', 'checking the dashboards', '--request-id', 'ops-1');
  expect(paused).toMatchObject({ code: 0, verb: 'pause', accepted: true, pending: false });
  expect((await json(fleet, 'steer', 'pause', '--request-id', 'ops-1')).message).toBe(paused.message);
  await openGate();
  const waited = await json(fleet, 'wait', 'wait');
  expect(waited).toMatchObject({ code: 4, why: 'needsPerson', state: 'paused' });
  expect(JSON.stringify(waited.reasons)).toContain('ana');
  expect(waited.next[0].command).toBe('flotilla resume');
  expect((await json(fleet, 'steer', 'resume')).code).toBe(0);
  expect(await json(fleet, 'wait', 'wait')).toMatchObject({ code: 0, state: 'succeeded' });
  const audit = await json(fleet, 'audit', 'audit');
  expect(audit.events).toContainEqual(expect.objectContaining({ verb: 'pause', actor: 'ana', reason: 'checking the dashboards' }));
});

it('asks for approval of a wave by name and digest', async () => {
  const fleet = await setup({ config: strategy(`waves: [{ name: 'all' }], approval: { when: 'afterCanary' }`) });
  const waiting = await json(fleet, 'start', 'start', '--wait');
  expect(waiting).toMatchObject({ code: 4, state: 'awaitingApproval', approval: { wave: 'all' } });
  const wrong = await fleet.cli(['approve', 'all', '--digest', '0000000000000000', '--json']);
  expect([wrong.code, wrong.json.error.code]).toEqual([3, 'FLT_APPROVAL_MISMATCH']);
  expect((await fleet.cli(['approve', 'all', '--json'])).json.error).toMatchObject({ code: 'FLT_USAGE' });
  const proposed = waiting.next[0].command.split(' ').slice(1);
  expect(proposed[0]).toBe('approve');
  expect((await json(fleet, 'steer', ...(proposed as [string]), '--actor', 'ana')).accepted).toBe(true);
  expect(await json(fleet, 'wait', 'wait')).toMatchObject({ code: 0, state: 'succeeded' });
});

it('[S17] halts when a wave is rejected, offers the rollback, and aborts once', async () => {
  const fleet = await setup({ config: strategy(`waves: [{ name: 'all' }], approval: { when: 'afterCanary' }`) });
  const waiting = await json(fleet, 'start', 'start', '--wait');
  expect((await json(fleet, 'steer', 'reject', 'all', '--digest', waiting.approval.digest, '--reason', 'not today')).accepted).toBe(true);
  const halted = await json(fleet, 'wait', 'wait');
  expect(halted).toMatchObject({ code: 4, state: 'halted' });
  expect(halted.next.map(({ command }: { command: string }) => command)).toContain("flotilla rollback --reason '…'");
  const why = await json(fleet, 'explain', 'explain');
  expect(why).toMatchObject({ code: 0, state: 'halted', needsPerson: true });
  expect(why.reasons[0].sentence).toContain('rejected wave "all" (whoever may approve or reject');
  const aborted = await json(fleet, 'steer', 'abort', '--reason', 'not today');
  expect(aborted).toMatchObject({ code: 0, accepted: true, state: 'aborted', moved: 1, untouched: 5 });
  expect(aborted.next.map(({ command }: { command: string }) => command)).toContain(`flotilla rollback ${aborted.rolloutId} --reason '…'`);
  expect(await json(fleet, 'steer', 'abort')).toMatchObject({ code: 3, error: { code: 'FLT_NO_OPEN_ROLLOUT' } });
  const ended = await json(fleet, 'wait', 'wait');
  expect(ended).toMatchObject({ code: 9, state: 'aborted' });
  expect(ended.totals).toMatchObject({ applied: 1, cancelled: 5 });
});

it('halts on a failure over the budget, retries after the cause is mended, and goes on', async () => {
  const fleet = await setup({ ...poisoned, config: strategy(`canary: false, waves: [{ name: 'all', maxFailures: 0 }], onBreach: 'halt'`) });
  await poison(fleet, 't02');
  const halted = await json(fleet, 'start', 'start', '--wait');
  expect(halted).toMatchObject({ code: 4, state: 'halted' });
  expect(halted.failures[0]).toMatchObject({ code: 'FLT_UNIQUE_VIOLATION', count: 1, tenants: ['t02'] });
  const text = await fleet.cli(['status']);
  expect(text.stdout).toContain('flotilla retry --error FLT_UNIQUE_VIOLATION');
  expect((await json(fleet, 'tenant', 'status', '--tenant', 't02')).tenant).toMatchObject({ code: 'FLT_UNIQUE_VIOLATION' });
  const refused = await fleet.cli(['resume', '--json']);
  expect([refused.code, refused.json.error.code]).toEqual([3, 'FLT_REFUSED']);
  await heal(fleet, 't02');
  expect((await json(fleet, 'steer', 'retry', '--unfinished', '--reason', 'rows mended')).accepted).toBe(true);
  const ended = await json(fleet, 'wait', 'wait');
  expect(ended).toMatchObject({ code: 0, state: 'succeeded' });
  expect(ended.totals).toMatchObject({ applied: 6, parked: 0, failed: 0 });
});

it('goes on after a halt when the failed tenant is skipped', async () => {
  const fleet = await setup({ ...poisoned, config: strategy(`canary: false, waves: [{ name: 'all', maxFailures: 0 }], onBreach: 'halt'`) });
  await poison(fleet, 't02');
  expect((await json(fleet, 'start', 'start', '--wait')).state).toBe('halted');
  expect((await json(fleet, 'steer', 'skip', '--tenant', 't02', '--reason', 'leaves us next week')).accepted).toBe(true);
  await until(async () => (await json(fleet, 'status', 'status')).totals.skipped === 1, 't02 skipped');
  await fleet.cli(['resume']);
  const ended = await json(fleet, 'wait', 'wait');
  expect(ended).toMatchObject({ code: 0, state: 'succeeded' });
  expect(ended.totals).toMatchObject({ applied: 5, skipped: 1 });
});

it('rolls back on request, exit 5', async () => {
  const fleet = await setup({ ...poisoned, config: strategy(`waves: [{ name: 'all', maxFailures: 0 }], onBreach: 'halt'`) });
  await poison(fleet, 't06', 't05');
  const started = await json(fleet, 'start', 'start', '--wait');
  expect(started).toMatchObject({ code: 4, state: 'halted' });
  expect((await fleet.cli(['rollback', '--force', '--json'])).json.error).toMatchObject({ code: 'FLT_USAGE' });
  expect((await json(fleet, 'steer', 'rollback', '--reason', 'wrong data')).accepted).toBe(true);
  const ended = await json(fleet, 'wait', 'wait');
  expect(ended).toMatchObject({ code: 5, state: 'rolledBack' });
  expect(ended.totals.applied).toBe(0);
  const left = await fleet.rows('h1', `select 1 from information_schema.tables where table_name = 'extras'`);
  expect(left).toHaveLength(0);
});

it('leaves a failed tenant parked when the rollout ends, exit 9, and retries it afterwards', async () => {
  const fleet = await setup({ ...poisoned, config: strategy(`canary: false, waves: [{ name: 'all', maxFailures: 3 }]`) });
  await poison(fleet, 't02');
  const ended = await json(fleet, 'start', 'start', '--wait');
  expect(ended).toMatchObject({ code: 9, state: 'completedWithFailures' });
  expect(ended.totals).toMatchObject({ applied: 5, parked: 1 });
  await heal(fleet, 't02');
  expect((await json(fleet, 'steer', 'retry', '--tenant', 't02', '--reason', 'row removed')).accepted).toBe(true);
  await until(async () => (await json(fleet, 'tenant', 'status', '--tenant', 't02')).tenant.state === 'applied', 't02 applied');
  expect(await json(fleet, 'start', 'start', '--wait')).toMatchObject({ code: 0, outcome: 'nothingToDo' });
});

it('prints one line per change when it is watched and piped', async () => {
  const fleet = await setup();
  const ran = await fleet.cli(['start', '--watch', '--wait', '--json']);
  expect(ran.code).toBe(0);
  const lines: { kind: DocumentKind; seq?: number }[] = ran.json;
  for (const line of lines) expect(DOCUMENTS[line.kind].parse(line)).toEqual(line);
  expect(lines.slice(0, -1).map((line) => line.seq)).toEqual(lines.slice(0, -1).map((_, i) => i));
  expect(lines.at(-1)).toMatchObject({ kind: 'start', state: 'succeeded' });
  fleet.migration('20260102000000_title.js', addTitle);
});

it('[S30] replaces an open rollout: aborts it, waits for the tenants in hand, starts', async () => {
  const fleet = await setup({ migrations: { '20260101000000_gated.js': waitsAtGate } });
  const openGate = await gate(fleet);
  const one = await json(fleet, 'start', 'start');
  const noReason = await fleet.cli(['start', '--replace', '--json']);
  expect(noReason.code).toBe(2);
  const replace = ['--replace', '--reason', 'newer release', '--request-id', 'release-2', '--wait'];
  const replacing = fleet.cli(['start', ...replace, '--json']);
  const draining = await until(async () => {
    const status = await json(fleet, 'status', 'status');
    return status.state === 'draining' && status;
  }, 'the abort to be applied');
  expect(draining.reasons).toMatchObject([{ kind: 'drain', clears: 'itself' }]);
  await openGate();
  const two = await replacing;
  expect(two.code).toBe(0);
  expect(two.json.rolloutId).not.toBe(one.rolloutId);
  expect(await json(fleet, 'wait', 'wait', one.rolloutId)).toMatchObject({ code: 9, state: 'aborted' });
  expect(await json(fleet, 'start', 'start', ...replace)).toMatchObject({
    code: 0,
    outcome: 'alreadyStarted',
    rolloutId: two.json.rolloutId,
  });
});

it('says what a rollback of a closed rollout would do, takes it back, exit 5, and shows whose work it took back', async () => {
  const fleet = await setup();
  const { rolloutId } = await json(fleet, 'start', 'start', '--wait');
  const preview = await json(fleet, 'rollbackPreview', 'rollback', rolloutId, '--dry-run');
  expect(preview).toMatchObject({
    code: 0,
    tenants: 6,
    lookedAt: 6,
    refused: [],
    groups: [{ tenants: 6, reverts: ['20260101000000_notes'] }],
  });
  expect((await fleet.cli(['rollback', rolloutId, '--dry-run'])).stdout).toContain('takes back 20260101000000_notes');
  expect((await fleet.cli(['rollback', rolloutId, '--skip', 't01'])).code).toBe(2);
  const back = await json(fleet, 'steer', 'rollback', rolloutId, '--reason', 'wrong release', '--request-id', 'back-1');
  expect(back).toMatchObject({ code: 0, accepted: true });
  expect(await json(fleet, 'wait', 'wait')).toMatchObject({
    code: 5,
    state: 'rolledBack',
    rolloutId: back.rolloutId,
    rollbackOf: rolloutId,
  });
  expect((await json(fleet, 'history', 'history')).rollouts[0]).toMatchObject({ rollbackOf: rolloutId });
  expect((await json(fleet, 'steer', 'rollback', rolloutId, '--request-id', 'back-1')).rolloutId).toBe(back.rolloutId);
  expect(await json(fleet, 'explain', 'explain')).toMatchObject({ code: 0, open: false, reasons: [] });
  expect(await json(fleet, 'steer', 'speed', '--per-host', '2')).toMatchObject({ code: 3, error: { code: 'FLT_NO_OPEN_ROLLOUT' } });
});

it('runs the example of docs/client.md', async () => {
  const fleet = await setup();
  const source = readFileSync(new URL('../../docs/client.md', import.meta.url), 'utf8').match(/```ts\n([\s\S]*?)```/)![1]!;
  const { writeFileSync } = await import('node:fs');
  writeFileSync(`${fleet.dir}/nightly.ts`, source);
  const jiti = createJiti(import.meta.url, {
    alias: { flotilla: new URL('../../dist/index.js', import.meta.url).pathname },
    moduleCache: false,
    fsCache: false,
  });
  const { migrate } = await jiti.import<{ migrate: (fleet: string, taskQueue: string, requestId: string) => Promise<string> }>(
    `${fleet.dir}/nightly.ts`,
  );
  process.env.TEMPORAL_ADDRESS = fleet.temporalAddress;
  try {
    expect(await migrate(fleet.name, fleet.name, 'night-1')).toBe('ended: succeeded, 6 tenants migrated');
    expect(await migrate(fleet.name, fleet.name, 'night-1')).toBe('ended: succeeded, 6 tenants migrated');
    expect(await migrate(fleet.name, fleet.name, 'night-2')).toBe('every tenant is up to date');
  } finally {
    delete process.env.TEMPORAL_ADDRESS;
  }
});
