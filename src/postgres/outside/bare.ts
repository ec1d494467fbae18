/**
 * Statements that Postgres refuses in a block: sent on their own, one at a time in a database, with long timeouts, and decided by what the
 * catalog says before and after. The journal has them as `started` before they are sent.
 */

import { FlotillaError } from '../../domain/errors.js';
import { type Attempt, NotNow } from '../attempt.js';
import type { TenantSession } from '../contract.js';
import { ident } from '../quote.js';
import { waitForLock } from '../retry.js';
import { classify } from '../sqlstate.js';
import type { Bare, Name } from '../statement.js';
import { type Answer, type Journal, NOTHING, type Place } from './journal.js';
import { homeOf, type Index, indexExists, partitionState, probeIndex, qualified, reindexLeftovers } from './probes.js';
import { inSlot } from './slot.js';

/** CREATE INDEX CONCURRENTLY waits for every older snapshot in the database, and lock_timeout counts that wait: it needs minutes. */
const CONCURRENTLY_LOCK_MS = 5 * 60_000;

/** What sending a bare statement needs of the run it belongs to. */
export interface BareRun {
  readonly attempt: Attempt;
  readonly session: TenantSession;
  readonly migration: string;
  readonly journal: Journal;
  readonly ownSchemas: readonly string[] | undefined;
  /** Commits a change of the journal, if this run still holds the tenant. */
  readonly keep: (sql: string) => Promise<void>;
}

export async function runBare(run: BareRun, bare: Bare, place: Place, send: () => Promise<Answer>): Promise<Answer> {
  const { attempt, migration, session } = run;
  if (bare.what === 'elsewhere') throw outside(run, bare.statement);
  for (const name of namesOf(bare)) await stayInside(run, name);
  if (bare.what === 'vacuum') return patiently(run, send); // doing it twice harms nobody
  return inSlot(
    session.client,
    {
      stop: attempt.input.stop ?? (() => false),
      onWait: () => attempt.input.onStep(`${migration}, waiting: another tenant of this database builds or drops an index CONCURRENTLY`),
    },
    () => decide(run, bare, place, send),
  );
}

async function decide(
  run: BareRun,
  bare: Exclude<Bare, { what: 'elsewhere' | 'vacuum' }>,
  place: Place,
  send: () => Promise<Answer>,
): Promise<Answer> {
  const { journal, session } = run;
  const begunBefore = journal.find(place) !== undefined;
  const done = async (answer: Answer): Promise<Answer> => {
    await run.keep(journal.write(place, 'done', answer));
    return answer;
  };
  const begin = () => run.keep(journal.write(place, 'started'));
  switch (bare.what) {
    case 'createIndex':
      return done(await createIndex(run, bare, place, begunBefore, begin, send));
    case 'dropIndex': {
      // What was there when an earlier attempt began is gone: that attempt, or the server after it, has finished the job
      if (begunBefore && !(await indexExists(session.client, bare.index))) return done(NOTHING);
      await begin();
      return done(await again(run, () => patiently(run, send)));
    }
    case 'reindex': {
      await begin();
      return done(
        await again(run, async () => {
          for (const left of await reindexLeftovers(session.client, bare.name)) await dropIndex(run, left);
          return patiently(run, send);
        }),
      );
    }
    case 'detach': {
      let begun = begunBefore;
      const finalize = `alter table ${qualified(bare.parent)} detach partition ${qualified(bare.partition)} finalize`;
      return done(
        await again(run, async () => {
          const state = begun ? await partitionState(session.client, bare.parent, bare.partition) : 'attached';
          if (state === 'detached') return NOTHING;
          if (!begun) await begin();
          begun = true;
          return patiently(run, state === 'pending' ? () => session.client.query(finalize) as Promise<Answer> : send);
        }),
      );
    }
  }
}

async function createIndex(
  run: BareRun,
  bare: Extract<Bare, { what: 'createIndex' }>,
  place: Place,
  begunBefore: boolean,
  begin: () => Promise<void>,
  send: () => Promise<Answer>,
): Promise<Answer> {
  const { session, attempt, migration, journal } = run;
  let begun = begunBefore;
  return again(run, async () => {
    const { found, other } = await probeIndex(session.client, bare, begun);
    if (other)
      throw new FlotillaError(
        'FLT_INDEX_MISMATCH',
        `${attempt.input.tenant.id}: ${migration} builds an index, and another stands under its name. There: ${other.found}. Wanted: ${other.wanted}.`,
        { tenant: attempt.input.tenant.id, migration, found: other.found, wanted: other.wanted },
      );
    if (found?.building) throw new NotNow('FLT_CONCURRENTLY_BUSY', `another session is building the index "${found.name}"`);
    if (found?.usable) return NOTHING;
    if (found) await dropIndex(run, found);
    await begin();
    begun = true;
    try {
      return await patiently(run, send);
    } catch (error) {
      // What it leaves would go on refusing the application's writes; take it away, and nothing of this statement has happened
      if (classify(error)?.trouble === 'connection') throw error;
      const left = (await probeIndex(session.client, bare, true)).found;
      if (left && !left.usable)
        await dropIndex(run, left).catch((stays) => {
          attempt.notes.push(`the half-built index "${left.name}" stays, invalid; a retry takes it away and builds it anew`);
          throw stays;
        });
      await run.keep(journal.strike(place));
      throw error;
    }
  });
}

const dropIndex = (run: BareRun, index: Index): Promise<unknown> =>
  patiently(run, () => run.session.client.query(`drop index concurrently if exists ${ident(index.schema)}.${ident(index.name)}`));

/** With the long timeouts of CONCURRENTLY, for this statement alone. */
async function patiently<T>({ attempt, session }: BareRun, send: () => Promise<T>): Promise<T> {
  const { lockMs, statementMs } = attempt.input.timeouts;
  await session.client.query(`set lock_timeout to ${Math.max(CONCURRENTLY_LOCK_MS, lockMs)}; set statement_timeout to 0`);
  try {
    return await send();
  } finally {
    if (!session.isBroken()) await session.client.query(`set lock_timeout to ${lockMs}; set statement_timeout to ${statementMs}`);
  }
}

/** A lock not granted, or a deadlock: the statement itself is tried again, as often as an attempt is. */
async function again<T>({ attempt }: BareRun, work: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries++) {
    try {
      return await work();
    } catch (error) {
      await waitForLock(error, tries, attempt.input);
    }
  }
}

function namesOf(bare: Exclude<Bare, { what: 'elsewhere' }>): readonly Name[] {
  switch (bare.what) {
    case 'createIndex':
      return [bare.table];
    case 'dropIndex':
      return [bare.index];
    case 'reindex':
      return [bare.name];
    case 'detach':
      return [bare.parent, bare.partition];
    case 'vacuum':
      return bare.tables;
  }
}

/** What runs outside a transaction cannot be taken back: it is refused before it is sent. A name that is found nowhere is the server's to refuse. */
async function stayInside(run: BareRun, name: Name): Promise<void> {
  if (run.ownSchemas === undefined) return;
  const home = name.schema ?? (await homeOf(run.session.client, name));
  if (home !== undefined && !run.ownSchemas.includes(home)) throw outside(run, qualified({ schema: home, name: name.name }));
}

const outside = ({ attempt, migration }: BareRun, what: string): FlotillaError =>
  new FlotillaError(
    'FLT_TENANT_ESCAPE',
    `${attempt.input.tenant.id}: ${migration} would touch ${what}, which is not its tenant's; the statement was not sent.`,
    { tenant: attempt.input.tenant.id, migration, objects: what },
  );
