/**
 * Brings one tenant up by the plan's migrations, or takes back what one rollout applied to it. Each migration commits together with its
 * history row and its ledger row; everything that can go wrong ends in an `AttemptResult`, never in an exception (a bug excepted).
 */

import { setTimeout as delay } from 'node:timers/promises';
import type { ErrorCode } from '../domain/error-codes.js';
import { FlotillaError } from '../domain/errors.js';
import type { PlannedMigration } from '../domain/plan.js';
import { CommitUnknown, open, runAndCommit } from './apply.js';
import { type Attempt, fenced, NotNow, type RunnerOptions, sessionSettings } from './attempt.js';
import type { AttemptInput, AttemptResult, MigrationRun, TenantSession } from './contract.js';
import { effectOf, type TenantState, tenantSchema, withoutExtension } from './ledger.js';
import { bumpFence, committedRow } from './messages.js';
import { closeOutside, openOutside, PartialFailure, runOutside } from './outside-transaction.js';
import { queryEach } from './query-each.js';
import { revert } from './revert.js';
import { classify, describePostgresError } from './sqlstate.js';

export interface Runner {
  /** One attempt on one tenant. Safe to repeat: what is applied already is seen in the ledger, and answers `applied`. */
  attempt(input: AttemptInput): Promise<AttemptResult>;
}

export type { RunnerOptions } from './attempt.js';

export function createRunner(options: RunnerOptions): Runner {
  return {
    async attempt(input) {
      const started = performance.now();
      const runs: MigrationRun[] = [];
      const { files } = await options.engine.list();
      const attempt: Attempt = {
        options,
        input,
        files: new Map(files.map((file) => [file.name, file])),
        committedFence: undefined,
        progressed: false,
        checkDrops: false,
      };
      const result = await tryUntilSettled(attempt, runs);
      return { ...result, runs, durationMs: Math.round(performance.now() - started) };
    },
  };
}

type Settled = Omit<AttemptResult, 'runs' | 'durationMs'>;

async function tryUntilSettled(attempt: Attempt, runs: MigrationRun[]): Promise<Settled> {
  const { input, options } = attempt;
  let fenceFirst = input.fenceFirst;
  for (let tries = 1; ; tries++) {
    const last = tries >= input.quickTries;
    try {
      return await options.hosts.withTenant(input.tenant, async (session) => {
        try {
          if (fenceFirst) await commitFence(attempt, session);
          fenceFirst = false;
          return await (input.direction === 'up' ? bringUp : takeBack)(attempt, session, runs);
        } catch (error) {
          // Whatever the session was in the middle of, it is over; one that does not answer is dropped.
          await session.client.query('rollback; select pg_advisory_unlock_all()').catch(() => session.discard());
          throw error;
        }
      });
    } catch (error) {
      const verdict = judge(attempt, error, last);
      if (verdict !== 'again') return verdict;
      if (error instanceof CommitUnknown || classify(error)?.trouble === 'connection') {
        const settled = await settleLostCommit(attempt, error, runs);
        if (settled) return settled;
        fenceFirst = true; // the old backend may live on: it must not commit any more
      }
      await delay(50 + Math.random() * 200 * tries);
    }
  }
}

async function commitFence(attempt: Attempt, session: TenantSession): Promise<void> {
  const sql = bumpFence(sessionSettings(attempt), attempt.input.fleet, attempt.input.rolloutId);
  const results = await queryEach<{ fence?: string | null }>(session.client, sql);
  const fence = results.find((it) => it.rows?.[0]?.fence !== undefined)?.rows[0]?.fence;
  attempt.committedFence = fence ? Number(fence) : undefined;
  attempt.progressed = true; // rows of this rollout are no sign of having been overtaken: we are the later one
}

const applied = (state: TenantState): Set<string> => new Set(state.history.map(([name]) => withoutExtension(name)));

async function bringUp(attempt: Attempt, session: TenantSession, runs: MigrationRun[]): Promise<Settled> {
  const { input } = attempt;
  for (;;) {
    const state = await open(attempt, session);
    const pending = nextPending(attempt, state);
    if (!pending) {
      await session.client.query('rollback');
      const ours = input.migrations.some((migration) => effectOf(state, migration.name)?.rollout === input.rolloutId);
      return { outcome: ours || runs.length > 0 ? 'applied' : 'upToDate' };
    }
    const fingerprint = input.canary || !input.deltas.has(pending.name);
    input.onStep(pending.name);
    if (pending.transactional) runs.push(await runAndCommit(attempt, session, state, pending, { fingerprint }));
    else {
      await session.client.query('rollback');
      const again = await openOutside(attempt, session);
      if (applied(again).has(pending.name)) await closeOutside(attempt, session);
      else runs.push(await runOutside(attempt, session, again, pending, { fingerprint }));
    }
    // Under the lock nothing else was pending: a last look would cost two round trips and find the same
    if (input.migrations.at(-1) === pending) return { outcome: 'applied' };
  }
}

/** The oldest of the plan's migrations that the tenant lacks, after checking that its history fits the plan. */
function nextPending(attempt: Attempt, state: TenantState): PlannedMigration | undefined {
  const { input } = attempt;
  const done = applied(state);
  for (const migration of input.migrations) {
    const effect = effectOf(state, migration.name);
    if (effect && done.has(migration.name) && effect.checksum !== migration.checksum)
      throw new FlotillaError(
        'FLT_CHECKSUM_DRIFT',
        `${input.tenant.id}: ${migration.name} was applied from a file that has been edited since.`,
        {
          tenant: input.tenant.id,
          migration: migration.name,
        },
      );
  }
  const pending = input.migrations.find((migration) => !done.has(migration.name));
  if (!pending) return undefined;
  const newer = [...done].filter(
    (name) => name > pending.name && !input.migrations.some((m) => m.name === name && effectOf(state, name)?.rollout === input.rolloutId),
  );
  if (newer.length && input.outOfOrder === 'refuse')
    throw new FlotillaError(
      'FLT_OUT_OF_ORDER',
      `${input.tenant.id}: ${pending.name} is older than ${newer.sort().at(-1)}, which is applied.`,
      {
        tenant: input.tenant.id,
        migration: pending.name,
      },
    );
  if (!attempt.files.has(pending.name))
    throw new FlotillaError('FLT_MIGRATION_MISMATCH', `${input.tenant.id}: this worker has no file ${pending.name}.`, {
      migration: pending.name,
    });
  return pending;
}

async function takeBack(attempt: Attempt, session: TenantSession, runs: MigrationRun[]): Promise<Settled> {
  const { input } = attempt;
  for (;;) {
    const state = await open(attempt, session);
    const newest = [...input.migrations].reverse().find((migration) => effectOf(state, migration.name)?.rollout === input.rolloutId);
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
      else await closeOutside(attempt, session);
    }
    if (!input.migrations.some((migration) => migration !== newest && effectOf(state, migration.name)?.rollout === input.rolloutId))
      return { outcome: 'rolledBack' };
  }
}

/** Ends the attempt, or says that it is worth another try. */
function judge(attempt: Attempt, thrown: unknown, last: boolean): Settled | 'again' {
  const { input } = attempt;
  const failure = input.direction === 'up' ? 'failed' : 'rollbackFailed';
  const partial = thrown instanceof PartialFailure;
  const error = partial ? thrown.cause : thrown;
  const fail = (code: ErrorCode, message: string): Settled => ({ outcome: failure, code, message, ...(partial ? { partial } : {}) });
  const deferred = (code: ErrorCode, message: string): Settled => ({ outcome: 'deferred', code, message });
  const hostDown = (code: string, message: string): Settled => ({ outcome: 'deferred', code, message, hostDown: { code, message } });
  const who = input.tenant.id;

  if (error instanceof NotNow) {
    if (!last) return 'again';
    const what = error.code === 'FLT_TENANT_BUSY' ? 'another session is migrating it' : "Knex's migration lock is held";
    return deferred(error.code, `${who}: ${what}.`);
  }
  if (error instanceof CommitUnknown) return 'again';
  if (error instanceof FlotillaError) {
    if (
      error.details.tenant === undefined &&
      ['FLT_HOST_UNAVAILABLE', 'FLT_TOO_MANY_CONNECTIONS', 'FLT_AUTH_FAILED', 'FLT_CONNECTION_LOST', 'FLT_REFERENCE_UNRESOLVED'].includes(
        error.code,
      )
    )
      return hostDown(error.code, error.message);
    if (error.code === 'FLT_FENCED') return deferred(error.code, error.message);
    return fail(error.code, error.message);
  }
  const what = classify(error);
  if (!what) throw error; // a bug: Temporal shows it and tries again
  if ((error as { code?: string }).code === 'FL004') {
    attempt.checkDrops = true;
    return 'again';
  }
  const text = describePostgresError(error as Error);
  switch (what.code) {
    case 'FLT_FENCED':
      return deferred('FLT_FENCED', fenced(who).message);
    case 'FLT_TENANT_ESCAPE':
      return fail(
        'FLT_TENANT_ESCAPE',
        `${who}: the migration touched ${text} outside schema "${tenantSchema(input.tenant)}" and was rolled back. If it may, add to the config: shared: [{ object: '${text.split(' (')[0]}', maxLock: … }].`,
      );
    case 'FLT_STRAY_TRANSACTION':
      return fail('FLT_STRAY_TRANSACTION', `${who}: the migration ended or broke its own transaction.`);
    default:
  }
  if (what.trouble === 'lock' && !partial) return last ? deferred(what.code, `${who}: ${text}`) : 'again';
  if (what.trouble === 'connection')
    return last ? hostDown(what.code, `${who}: the connection to host "${input.tenant.host}" broke (${what.name}).`) : 'again';
  if (what.trouble === 'host') return hostDown(what.code, `Host "${input.tenant.host}": ${text}`);
  return fail(what.code, `${who}: ${text}`);
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
      if (committed) runs.push({ name: error.facts.migration, durationMs: error.facts.durationMs, statements: error.facts.statements });
      if (committed) attempt.progressed = true;
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
    message: `${input.tenant.id}: the connection broke at COMMIT of ${error.facts.migration} and host "${input.tenant.host}" does not answer.`,
    hostDown: { code: 'FLT_HOST_UNAVAILABLE', message: `Host "${input.tenant.host}" does not answer.` },
  };
}
