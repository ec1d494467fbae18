/** What histories say, and the verbs that put it right: each promise of docs/history.md, through the command line. */

import { afterEach, expect, it } from 'vitest';
import { DOCUMENTS, type DocumentKind } from '../../src/client/documents.js';
import { createFleet, type FleetFixture, type FleetOptions, type WorkerProcess } from '../support/fleet.js';
import { addTitle, createNotes } from '../support/migration-sources.js';

const NOTES = '20260101000000_notes';
const TITLE = '20260102000000_title';
const INDEX = '20260103000000_index';
const addIndex = `
exports.up = (knex) => knex.schema.alterTable('notes', (t) => { t.index('body', 'notes_body'); });
exports.down = (knex) => knex.schema.alterTable('notes', (t) => { t.dropIndex('body', 'notes_body'); });
`;

const open: FleetFixture[] = [];
const setup = async (options: Partial<FleetOptions> = {}) => {
  const fleet = await createFleet({ migrations: { [`${NOTES}.js`]: createNotes }, ...options });
  open.push(fleet);
  return fleet;
};
afterEach(async () => {
  for (const fleet of open.splice(0)) await fleet.close();
});

/** A worker that is replaced by one with other files: a live one never sees an edit. */
async function deploy(
  fleet: FleetFixture,
  old: WorkerProcess | undefined,
  files: Readonly<Record<string, string>>,
): Promise<WorkerProcess> {
  await old?.stop();
  for (const [file, source] of Object.entries(files)) fleet.migration(file, source);
  return fleet.worker();
}

/** Runs with --json, and holds the document against its schema. */
async function json(fleet: FleetFixture, kind: DocumentKind, ...args: string[]) {
  const ran = await fleet.cli([...args, '--json']);
  expect(ran.json?.kind, `${args.join(' ')} printed ${ran.stdout}${ran.stderr}`).toBe(kind);
  if (!ran.json.error) expect(DOCUMENTS[kind].parse(ran.json), 'no field that the schema does not name').toEqual(ran.json);
  return { code: ran.code, ...ran.json };
}

const migrated = async (fleet: FleetFixture, ...more: string[]) => {
  const ended = await json(fleet, 'start', 'start', '--wait', '--yes', ...more);
  expect(ended, JSON.stringify(ended)).toMatchObject({ code: 0 });
  return ended;
};
const findingsOf = (document: { findings: { code: string }[] }, code: string): any[] => document.findings.filter((it) => it.code === code);

it('finds an edited file once for all tenants, lets it pass once somebody has accepted it, and finds it again when it is edited again', async () => {
  const fleet = await setup();
  let worker = await fleet.worker();
  await migrated(fleet, '--tenant', 't01', '--tenant', 't02', '--tenant', 't03');

  worker = await deploy(fleet, worker, { [`${NOTES}.js`]: `${createNotes}\n// edited`, [`${TITLE}.js`]: addTitle });
  const drifted = await json(fleet, 'plan', 'plan');
  expect(drifted).toMatchObject({ code: 3, error: { code: 'FLT_CHECKSUM_DRIFT' } });
  expect(findingsOf(drifted, 'FLT_CHECKSUM_DRIFT')).toMatchObject([
    {
      severity: 'error',
      migration: NOTES,
      tenants: 3,
      sample: ['t01', 't02', 't03'],
      remedy: expect.stringContaining(`repair --checksum ${NOTES}`),
    },
  ]);

  expect(await json(fleet, 'repair', 'repair', '--checksum', TITLE)).toMatchObject({ code: 0, outcome: 'nothingDrifted', tenants: 0 });
  const why = ['--actor', 'ana', '--reason', 'a comment', '--request-id', 'ops-1'];
  const repaired = await json(fleet, 'repair', 'repair', '--checksum', `${NOTES}.js`, ...why);
  expect(repaired).toMatchObject({ code: 0, outcome: 'accepted', migration: NOTES, tenants: 3, sample: ['t01', 't02', 't03'] });
  const again = await json(fleet, 'repair', 'repair', '--checksum', NOTES, ...why);
  expect({ ...again, at: '' }).toEqual({ ...repaired, at: '' });
  expect(await json(fleet, 'repair', 'repair', '--checksum', NOTES)).toMatchObject({
    code: 0,
    outcome: 'acceptedBefore',
    before: { actor: 'ana', reason: 'a comment' },
  });
  const { events } = await json(fleet, 'audit', 'audit');
  expect(events.filter((it: { verb: string }) => it.verb === 'repair')).toMatchObject([
    { actor: 'ana', reason: 'a comment', requestId: 'ops-1', subject: expect.stringContaining(NOTES) },
  ]);

  // t01 to t03 have the first source in their ledgers, t04 to t06 get the second one now
  expect((await migrated(fleet)).totals).toMatchObject({ applied: 6 });
  expect(
    await fleet.rows('h1', `select 1 from information_schema.columns where table_name = 'notes' and column_name = 'title'`),
  ).toHaveLength(6);

  worker = await deploy(fleet, worker, { [`${NOTES}.js`]: `${createNotes}\n// edited again`, [`${INDEX}.js`]: addIndex });
  expect(findingsOf(await json(fleet, 'plan', 'plan'), 'FLT_CHECKSUM_DRIFT')).toMatchObject([{ migration: NOTES, tenants: 6 }]);
  expect(await json(fleet, 'repair', 'repair', '--checksum', NOTES)).toMatchObject({ code: 0, outcome: 'accepted', tenants: 6 });
  expect((await migrated(fleet)).totals).toMatchObject({ applied: 6 });
});

it('repairs nothing that has no file, and says what is missing on the command line', async () => {
  const fleet = await setup();
  await fleet.worker();
  expect(await json(fleet, 'repair', 'repair', '--checksum', 'nothing_like_it')).toMatchObject({
    code: 3,
    error: { code: 'FLT_UNKNOWN_MIGRATION' },
  });
  expect(await json(fleet, 'repair', 'repair')).toMatchObject({ code: 2, error: { code: 'FLT_USAGE' } });
  const other = await fleet.cli(['audit', '--request-id', 'ops-2', '--json']);
  expect(other.code).toBe(0);
});
