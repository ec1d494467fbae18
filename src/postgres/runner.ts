/**
 * Brings one tenant up by the plan's migrations, or takes back what one rollout applied to it. Each migration commits together with its
 * history row and its ledger row; everything that can go wrong ends in an `AttemptResult`, never in an exception (a bug excepted).
 */

import { setTimeout as delay } from 'node:timers/promises';
import type { ErrorCode } from '../domain/error-codes.js';
import { FlotillaError } from '../domain/errors.js';
import type { PlannedMigration } from '../domain/plan.js';
import { takenBack } from '../domain/rollback-plan.js';
import { CommitUnknown, open, runAndCommit } from './apply.js';
import {
  type Attempt,
  answerWithin,
  fenced,
  inHandKey,
  NotNow,
  ownsFence,
  type Recipe,
  type RunnerOptions,
  type Settled,
  sessionSettings,
  strayTransaction,
} from './attempt.js';
import type { AttemptInput, AttemptResult, Direction, MigrationRun, TenantSession } from './contract.js';
import { escaped } from './escaped.js';
import { fillAgain } from './fill-again.js';
import { endHolder } from './holder.js';
import {
  applied,
  checksumOf,
  createBookkeeping,
  effectOf,
  type HalfWay,
  halfWay,
  sourcesOf,
  type TenantState,
  tenantSchema,
} from './ledger.js';
import { bumpFence, closeTransaction, committedRow, flushCounters, openTransaction } from './messages.js';
import { discardBackfill } from './outside/backfill.js';
import { leaveOutside, openOutside, runOutside, StoppedHalfWay } from './outside/migration.js';
import { queryEach } from './query-each.js';
import { pauseFor } from './retry.js';
import { revert } from './revert.js';
import { classify, describePostgresError } from './sqlstate.js';
import { validateBeforeContract } from './validate/in-hand.js';
import { runValidationsAside } from './validate/validate.js';

export interface Runner {
  /** One attempt on one tenant. Safe to repeat: what is applied already is seen in the ledger, and answers `applied`. */
  attempt(input: AttemptInput): Promise<AttemptResult>;
}

const GUARDED: Recipe = { openTransaction, createBookkeeping, closeTransaction };

export type { RunnerOptions } from './attempt.js';

export const createRunner = (options: RunnerOptions): Runner => createRunnerWith(GUARDED, options);

/** With other messages around a migration. Only `npm run bench -- guard` has others: it leaves parts out to tell what they cost. */
export function createRunnerWith(recipe: Recipe, options: RunnerOptions): Runner {
  const plain = new Set<string>();
  return {
    async attempt(input) {
      const started = performance.now();
      const runs: MigrationRun[] = [];
      const { files } = await options.engine.list();
      const attempt: Attempt = {
        recipe,
        options,
        input: {
          ...input,
          onStep: (step) => {
            attempt.at = step;
            input.onStep(step);
          },
        },
        files: new Map(files.map((file) => [file.name, file])),
        knownFence: undefined,
        committedFence: undefined,
        progressed: false,
        lookUp: false,
        lookCloser: false,
        answered: false,
        lostInside: 0,
        inHand: '',
        at: '',
        plain,
        notes: [],
        validations: new Map(),
      };
      const result = await tryUntilSettled(attempt, runs);
      const validations = [...attempt.validations].map(([migration, results]) => ({ migration, results }));
      return {
        ...withNotes(attempt, result),
        runs,
        ...(validations.length ? { validations } : {}),
        durationMs: Math.round(performance.now() - started),
      };
    },
  };
}

/** What a person should know goes with the tenant, also where all went well. */
function withNotes({ notes, input }: Attempt, result: Settled): Settled {
  if (notes.length === 0 || (result.message !== undefined && !result.partial)) return result;
  const said = [...new Set(notes)].join('; ');
  return { ...result, message: result.message === undefined ? `${input.tenant.id}: ${said}.` : `${result.message} Also: ${said}.` };
}

async function tryUntilSettled(attempt: Attempt, runs: MigrationRun[]): Promise<Settled> {
  const { input, options } = attempt;
  let fenceFirst = input.fenceFirst;
  let busyBefore = false;
  for (let tries = 1; ; tries++) {
    const last = tries >= input.quickTries;
    try {
      return await options.hosts.withTenant(input.tenant, async (session) => {
        try {
          if (fenceFirst) await commitFence(attempt, session);
          fenceFirst = false;
          if (busyBefore && input.takeOver) await endHolder(session.client, tenantSchema(input.tenant), input.applicationName);
          return await WORK[input.direction](attempt, session, runs);
        } catch (error) {
          await cleanUp(session, error);
          throw lastWords(session, error);
        }
      });
    } catch (error) {
      if (attempt.answered && isConnectionLoss(error)) attempt.lostInside++;
      attempt.answered = false;
      busyBefore = error instanceof NotNow && error.code === 'FLT_TENANT_BUSY';
      const verdict = judge(attempt, error, last);
      if (verdict !== 'again') return { ...verdict, ...stoppedAt(attempt, error, runs) };
      if (error instanceof CommitUnknown || isConnectionLoss(error)) {
        const settled = await settleLostCommit(attempt, error, runs);
        if (settled) return settled;
        fenceFirst = true; // the old backend may live on: it must not commit any more
      }
      await pauseFor(tries);
    }
  }
}

/** What the error says of itself, else what was in hand and has not committed. */
function stoppedAt({ inHand }: Attempt, thrown: unknown, runs: readonly MigrationRun[]): Pick<Settled, 'migration'> {
  const error = causeOf(thrown);
  const named = error instanceof FlotillaError ? error.details.migration : undefined;
  if (typeof named === 'string') return { migration: named };
  return inHand === '' || runs.some(({ name }) => name === inHand) ? {} : { migration: inHand };
}

const causeOf = (error: unknown): unknown => (error instanceof StoppedHalfWay || error instanceof CommitUnknown ? error.cause : error);
const isConnectionLoss = (error: unknown): boolean => classify(causeOf(error))?.trouble === 'connection';

/** Whatever the session was in the middle of, it is over; one that does not answer is dropped. */
async function cleanUp(session: TenantSession, error: unknown): Promise<void> {
  const flush = flushCounters(session.serverVersion);
  if (session.isBroken() || isConnectionLoss(error) || flush === undefined) return session.discard();
  await session.client.query(`rollback; select pg_advisory_unlock_all(); ${flush}`).catch(() => session.discard());
}

/** A server that ends a session tells why between two statements; the next statement only finds it closed. */
function lastWords(session: TenantSession, error: unknown): unknown {
  const said = session.lastWords();
  if (!said || error instanceof CommitUnknown || !isConnectionLoss(error)) return error;
  return error instanceof StoppedHalfWay ? new StoppedHalfWay(said, error.partial) : said;
}

async function commitFence(attempt: Attempt, session: TenantSession): Promise<void> {
  const sql = bumpFence(sessionSettings(attempt), attempt.input.fleet, attempt.input.rolloutId, attempt.knownFence);
  const results = await queryEach<{ fence?: string | null }>(session.client, sql);
  const fence = results.find((it) => it.rows?.[0]?.fence !== undefined)?.rows[0]?.fence;
  if (fence) ownsFence(attempt, Number(fence));
  attempt.progressed = true; // rows of this rollout are no sign of having been overtaken: we are the later one
}

async function bringUp(attempt: Attempt, session: TenantSession, runs: MigrationRun[]): Promise<Settled> {
  const { input } = attempt;
  for (;;) {
    const state = await open(attempt, session);
    const pending = nextPending(attempt, state);
    const has = input.migrations.map(({ name }) => name).filter((name) => effectOf(state, name)?.rollout === input.rolloutId);
    if (!pending) {
      await session.client.query('rollback');
      return { outcome: has.length > 0 || runs.length > 0 ? 'applied' : 'upToDate', has };
    }
    const fingerprint = input.canary || !input.deltas.has(pending.name);
    input.onStep(pending.name);
    if (!halfWay(state, 'up', [pending]))
      await validateBeforeContract(attempt, pending, (declared) =>
        runValidationsAside(session.client, sessionSettings(attempt), declared, answerWithin(attempt)),
      );
    if (pending.transactional) runs.push(await runAndCommit(attempt, session, state, pending, { fingerprint }));
    else {
      await session.client.query('rollback');
      const again = await openOutside(attempt, session);
      if (applied(again).has(pending.name)) await leaveOutside(attempt, session);
      else runs.push(await runOutside(attempt, session, again, pending, { fingerprint }));
    }
    // Under the lock nothing else was pending: a last look would cost two round trips and find the same
    if (input.migrations.at(-1) === pending) return { outcome: 'applied', has: [...has, pending.name] };
  }
}

/** The oldest of the plan's migrations that the tenant lacks, after checking that its history fits the plan. */
function nextPending(attempt: Attempt, state: TenantState): PlannedMigration | undefined {
  const { input } = attempt;
  const done = applied(state);
  const trouble = (code: ErrorCode, migration: string, what: string) =>
    new FlotillaError(code, `${input.tenant.id}: ${what}`, { tenant: input.tenant.id, migration });
  for (const migration of input.migrations) {
    const checksum = checksumOf(state, migration.name);
    if (done.has(migration.name) && checksum !== undefined && !sourcesOf(migration).includes(checksum))
      throw trouble('FLT_CHECKSUM_DRIFT', migration.name, `${migration.name} was applied from a file that has been edited since.`);
  }
  const back = halfWay(state, 'down', input.migrations);
  if (back)
    throw trouble(
      'FLT_PARTIAL',
      back.migration,
      `the down of ${back.migration} stopped half-way (${statements(back)} done); finish the rollback first.`,
    );
  const pending = input.migrations.find((migration) => !done.has(migration.name));
  if (!pending) return undefined;
  const newer = [...done].filter(
    (name) => name > pending.name && !input.migrations.some((m) => m.name === name && effectOf(state, name)?.rollout === input.rolloutId),
  );
  if (newer.length && input.outOfOrder === 'refuse')
    throw trouble('FLT_OUT_OF_ORDER', pending.name, `${pending.name} is older than ${newer.sort().at(-1)}, which is applied.`);
  if (!attempt.files.has(pending.name)) throw trouble('FLT_MIGRATION_MISMATCH', pending.name, `this worker has no file ${pending.name}.`);
  return pending;
}

const statements = ({ n }: HalfWay): string => (n === 1 ? '1 statement' : `${n} statements`);

async function takeBack(attempt: Attempt, session: TenantSession, runs: MigrationRun[]): Promise<Settled> {
  const { input } = attempt;
  const { takesBack = input.rolloutId } = input;
  const migrations = takenBack(input.migrations, input.to);
  for (;;) {
    const state = await open(attempt, session);
    const ours = migrations.filter((migration) => effectOf(state, migration.name)?.rollout === takesBack);
    const half = halfWay(state, 'up', migrations);
    const filling = half && attempt.files.get(half.migration)?.declares?.backfill ? half : halfWay(state, 'backfill', input.migrations);
    if (filling) {
      await discardBackfill(attempt, session, filling);
      attempt.notes.push(
        `${filling.migration}: its backfill had stopped half-way and begins anew another time; what it has written stays where its column stays`,
      );
      continue;
    }
    if (half)
      throw new FlotillaError(
        'FLT_PARTIAL',
        `${input.tenant.id}: ${half.migration} stopped half-way (${statements(half)} done); retry it to its end, then roll back.`,
        { tenant: input.tenant.id, migration: half.migration },
      );
    const newest = ours.at(-1);
    if (!newest) {
      await session.client.query('rollback');
      const returned = state.rows.some((row) => row.kind === 'reverted' && row.rollout === input.rolloutId);
      return { outcome: returned || runs.length > 0 ? 'rolledBack' : 'upToDate' };
    }
    input.onStep(`${newest.name}, down`);
    if (newest.transactional) runs.push(await revert(attempt, session, state, newest, effectOf(state, newest.name)!));
    else {
      await session.client.query('rollback');
      const again = await openOutside(attempt, session);
      const effect = effectOf(again, newest.name);
      if (effect) runs.push(await revert(attempt, session, again, newest, effect));
      else await leaveOutside(attempt, session);
    }
    if (ours.length === 1) return { outcome: 'rolledBack' };
  }
}

const WORK = { up: bringUp, down: takeBack, backfill: fillAgain } as const satisfies Record<Direction, unknown>;

/** Troubles of a host, when they are nobody's in particular. */
const OF_THE_HOST: readonly ErrorCode[] = [
  'FLT_HOST_UNAVAILABLE',
  'FLT_TOO_MANY_CONNECTIONS',
  'FLT_AUTH_FAILED',
  'FLT_CONNECTION_LOST',
  'FLT_REFERENCE_UNRESOLVED',
];

/** Ends the attempt, or says that it is worth another try. */
function judge(attempt: Attempt, thrown: unknown, last: boolean): Settled | 'again' {
  const { input } = attempt;
  const failure = input.direction === 'down' ? 'rollbackFailed' : 'failed';
  // A migration whose backfill stops when it is run again is applied as before
  const partial = thrown instanceof StoppedHalfWay && thrown.partial && input.direction !== 'backfill';
  const error = thrown instanceof StoppedHalfWay ? thrown.cause : thrown;
  const stays = partial ? { partial } : {};
  const fail = (code: ErrorCode, message: string): Settled => ({ outcome: failure, code, message, ...stays });
  const deferred = (code: ErrorCode, message: string): Settled => ({ outcome: 'deferred', code, message, ...stays });
  const hostDown = (code: string, message: string): Settled => ({
    outcome: 'deferred',
    code,
    message,
    hostDown: { code, message },
    ...stays,
  });
  const who = input.tenant.id;

  // A backfill that is half done is nothing broken: it goes on, or is given up, as it stands
  if (error instanceof NotNow && error.code === 'FLT_BACKFILL_CUT')
    return { outcome: 'deferred', code: error.code, message: `${who}: ${error.what}.` };
  if (error instanceof NotNow) return last || input.stop?.() ? deferred(error.code, `${who}: ${error.what}.`) : 'again';
  if (error instanceof CommitUnknown) return 'again';
  if (error instanceof FlotillaError) {
    if (error.details.tenant === undefined && OF_THE_HOST.includes(error.code)) return hostDown(error.code, error.message);
    if (error.code === 'FLT_FENCED') return deferred(error.code, error.message);
    if (error.code === 'FLT_PARTIAL') return { ...fail(error.code, error.message), partial: true };
    return fail(error.code, error.message);
  }
  const what = classify(error);
  if (!what) throw error; // a bug: Temporal shows it and tries again
  if ((error as { code?: string }).code === 'FL004') {
    attempt.lookUp = true;
    return 'again';
  }
  if ((error as { code?: string }).code === 'FL007') {
    attempt.lookCloser = true;
    attempt.plain.delete(inHandKey(attempt));
    return 'again';
  }
  const text = describePostgresError(error as Error);
  const where = attempt.at === '' ? '' : `${attempt.at}: `;
  switch (what.code) {
    case 'FLT_FENCED':
      return deferred('FLT_FENCED', fenced(who).message);
    case 'FLT_TENANT_ESCAPE':
      return fail('FLT_TENANT_ESCAPE', escaped(attempt, text).message);
    case 'FLT_STRAY_TRANSACTION':
      return fail('FLT_STRAY_TRANSACTION', strayTransaction(attempt).message);
    case 'FLT_SESSION_CHANGED':
      return fail(what.code, `${who}: the session of ${attempt.inHand} turned out to be another backend than it began on.`);
    case 'FLT_KNEX_UNLOCKED':
      return fail(what.code, `${who}: somebody freed Knex's lock row while ${attempt.inHand} was running.`);
    case 'FLT_STATEMENT_TIMEOUT':
      // Cancelled by ourselves, or by a person: the server has one code for both and for its own time-out
      if (input.stop?.()) return deferred('FLT_CANCELLED', `${who}: ${attempt.inHand || 'what it ran'} was cancelled.`);
      if (/user request/.test(text))
        return fail('FLT_CANCELLED', `${who}: somebody cancelled a statement of ${attempt.inHand} on the server.`);
      return fail(what.code, `${who}: ${where}${text}`);
    case 'FLT_IDLE_IN_TRANSACTION':
      return fail(
        what.code,
        `${who}: ${attempt.inHand} kept its transaction open for more than ${input.timeouts.idleMs} ms without a statement.`,
      );
    default:
  }
  if (what.trouble === 'lock') return last ? deferred(what.code, `${who}: ${where}${text}`) : 'again';
  if (what.trouble === 'connection') {
    if (!last) return 'again';
    const broke = `${who}: the connection to host "${input.tenant.host}" broke (${what.name})`;
    // The host answered each time: it is this tenant's migration that ends its session
    if (attempt.lostInside >= input.quickTries) return deferred(what.code, `${broke} each time ${attempt.inHand || 'a migration'} ran.`);
    return hostDown(what.code, `${broke}.`);
  }
  if (what.trouble === 'host') return hostDown(what.code, `Host "${input.tenant.host}": ${text}`);
  return fail(what.code, `${who}: ${where}${text}`);
}

/** After a lost COMMIT: waits until the old transaction is over, then reads the ledger. Undefined: nothing was committed, go on. */
async function settleLostCommit(attempt: Attempt, error: unknown, runs: MigrationRun[]): Promise<Settled | undefined> {
  if (!(error instanceof CommitUnknown)) return undefined;
  const { input, options } = attempt;
  const settings = sessionSettings(attempt);
  for (let tries = 1; tries <= 20; tries++) {
    try {
      const committed = await options.hosts.withTenant(input.tenant, async ({ client }) => {
        for (;;) {
          const { rows } = await client.query<{ status: string | null }>('select pg_xact_status($1::text::xid8) as status', [error.xid]);
          if (rows[0]?.status !== 'in progress') break;
          await delay(100);
        }
        const found = await client.query<{ committed: boolean }>(committedRow(settings, error.facts));
        return found.rows[0]!.committed;
      });
      if (committed) {
        const { migration, durationMs, statements, fence } = error.facts;
        runs.push({ name: migration, durationMs, statements });
        ownsFence(attempt, fence);
        attempt.progressed = true;
      }
      return undefined;
    } catch (again) {
      const code = (again as { code?: string }).code;
      if (code === '42P01') return undefined; // no ledger: the transaction that would have created it did not commit
      if (tries === 20) break;
      await delay(250);
    }
  }
  return {
    outcome: 'unknown',
    code: 'FLT_OUTCOME_UNKNOWN',
    migration: error.facts.migration,
    message: `${input.tenant.id}: the connection broke at COMMIT of ${error.facts.migration} and host "${input.tenant.host}" does not answer.`,
    hostDown: { code: 'FLT_HOST_UNAVAILABLE', message: `Host "${input.tenant.host}" does not answer.` },
  };
}
