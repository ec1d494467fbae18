/**
 * Runs the file of a migration outside a transaction, statement by statement. The file runs from the top, also after a crash: what only
 * reads or belongs to the session is sent again; a write whose journal entry stands is answered from the journal; any other write gets a
 * small transaction with its journal entry, the walls and the fence. What Postgres refuses in a block: `bare.ts`.
 */

import type { ErrorCode } from '../../domain/error-codes.js';
import { FlotillaError } from '../../domain/errors.js';
import type { RunOnTenant } from '../../engines/engine.js';
import { type Attempt, sessionSettings } from '../attempt.js';
import { refuseBulkWrites, refuseForeignSequences } from '../before-sending.js';
import type { TenantSession } from '../contract.js';
import { wallsFor } from '../dropped.js';
import { Hints } from '../hints.js';
import { BEGIN, closeStep, flushCounters, type Hold, startStep } from '../messages.js';
import { queryEach } from '../query-each.js';
import { literal } from '../quote.js';
import { waitForLock } from '../retry.js';
import { type Statement, statementsOf } from '../statement.js';
import { runBare } from './bare.js';
import { type Answer, answerOf, type Journal, type Place } from './journal.js';

/** What this grammar does not know may do anything. */
const UNKNOWN: Statement = {
  node: '',
  kind: 'write',
  from: 0,
  to: 0,
  functions: [],
  targets: [],
  bulk: [],
  loads: [],
  indexes: [],
  grants: [],
  types: [],
  sequences: [],
};

/** A text to send, and how. */
interface Text {
  /** Validates a constraint: takes as long as it takes. */
  readonly validates?: true;
  readonly send: () => Promise<Answer>;
}

export interface OutsideRun {
  /** Takes the place of sending one statement of the file. */
  readonly around: RunOnTenant['around'];
  readonly isAnswered: NonNullable<RunOnTenant['isAnswered']>;
  /** The file has ended: no block of its own may be open. */
  finish(): void;
}

export function createOutsideRun(attempt: Attempt, session: TenantSession, migration: string, journal: Journal, hold: Hold): OutsideRun {
  const { input } = attempt;
  const settings = sessionSettings(attempt);
  const { client } = session;
  /** Temporary tables of this run: writes to them are done again, for they are gone with the session. */
  const temporary = new Set<string>();
  const volatile = new Map<string, boolean>();
  /** Blocks that the file has opened itself, the savepoints in them, and where the journal stood. */
  const blocks: { readonly name: string | undefined; readonly mark: ReturnType<Journal['mark']> }[] = [];
  let hints = new Hints(settings.ownSchemas);

  const fail = (code: ErrorCode, what: string) =>
    new FlotillaError(code, `${input.tenant.id}: ${migration} ${what}`, { tenant: input.tenant.id, migration });

  const flush = flushCounters(session.serverVersion) ?? '';
  const keep = async (sql: string) => {
    await client.query(`${BEGIN} ${closeStep(settings, hold, undefined, sql)} commit;`);
  };

  /** A SELECT writes through the functions it calls, if they are volatile; most are not. */
  async function mayWrite(functions: readonly string[]): Promise<boolean> {
    const unknown = functions.filter((name) => !volatile.has(name));
    if (unknown.length) {
      const { rows } = await client.query<{ name: string }>(
        `select distinct proname::text as name from pg_proc where provolatile = 'v' and proname = any (array[${unknown.map(literal).join(',')}]::name[])`,
      );
      for (const name of unknown)
        volatile.set(
          name,
          rows.some((row) => row.name === name),
        );
    }
    return functions.some((name) => volatile.get(name));
  }

  const onlyTemporary = ({ targets }: Statement): boolean =>
    targets.length > 0 && targets.every(({ schema, name }) => (schema === undefined || schema === 'pg_temp') && temporary.has(name));

  const start = (begin: string) => client.query(`${begin} ${startStep(hold)}`);

  async function control(statement: Statement, send: () => Promise<Answer>): Promise<Answer> {
    switch (statement.control!) {
      case 'begin': {
        const answer = await send();
        blocks.push({ name: undefined, mark: journal.mark() });
        await start('');
        hints.lookUp = true; // a block cannot be sent again to look for what hides in it
        return answer;
      }
      case 'commit': {
        if (statement.chain) throw fail('FLT_STRAY_TRANSACTION', 'ends a transaction with AND CHAIN; begin the next one by itself.');
        if (blocks.length === 0) return send();
        await client.query(closeStep(settings, hold, await wallsFor(attempt, session, hints), ''));
        const answer = await send();
        blocks.length = 0;
        return answer;
      }
      case 'rollback': {
        if (statement.chain) throw fail('FLT_STRAY_TRANSACTION', 'ends a transaction with AND CHAIN; begin the next one by itself.');
        const answer = await send();
        if (blocks[0]) journal.returnTo(blocks[0].mark);
        blocks.length = 0;
        return answer;
      }
      case 'savepoint': {
        const answer = await send();
        blocks.push({ name: statement.savepoint, mark: journal.mark() });
        return answer;
      }
      case 'release': {
        const answer = await send();
        const at = blocks.findLastIndex((block) => block.name === statement.savepoint);
        if (at > 0) blocks.length = at;
        return answer;
      }
      case 'rollbackTo': {
        const answer = await send();
        const at = blocks.findLastIndex((block) => block.name === statement.savepoint);
        if (at > 0) {
          journal.returnTo(blocks[at]!.mark);
          blocks.length = at + 1;
        }
        return answer;
      }
      case 'prepared':
        throw fail('FLT_STRAY_TRANSACTION', 'uses a prepared transaction, which nobody could settle after a crash.');
    }
  }

  /** A write inside a block of the file's own: its entry commits with that block. */
  async function inBlock(place: Place, send: () => Promise<Answer>): Promise<Answer> {
    const entry = journal.find(place);
    if (entry) return answerOf(entry);
    const answer = await send();
    await client.query(journal.write(place, 'done', answer));
    return answer;
  }

  /** A write in a small transaction with its journal entry. */
  async function once(text: Text, place: Place): Promise<Answer> {
    const entry = journal.find(place);
    if (entry?.state === 'done') return answerOf(entry);
    if (entry)
      throw fail(
        'FLT_STEP_UNCLEAR',
        `was cut off in a statement that commits by itself, and nobody can tell how far it came: ${entry.statement}`,
      );
    try {
      return await inTransaction(text, (answer) => journal.write(place, 'done', answer));
    } catch (error) {
      if ((error as { code?: string }).code !== '2D000') throw error;
      // CALL and DO may hold a COMMIT, which Postgres refuses in a block: nothing of it has happened then, and it runs on its own
      await keep(journal.write(place, 'started'));
      const answer = await text.send();
      await keep(journal.write(place, 'done', answer));
      await client.query(flush);
      return answer;
    }
  }

  /** A small transaction with the walls and the fence; a lock that is not granted is asked for again. */
  async function inTransaction({ validates, send }: Text, write: (answer: Answer) => string): Promise<Answer> {
    for (let tries = 1; ; tries++) {
      try {
        await start(BEGIN);
        if (validates) await client.query('set local statement_timeout to 0');
        const answer = await send();
        const walls = await wallsFor(attempt, session, hints);
        await client.query(`${closeStep(settings, hold, walls, write(answer))} commit;`);
        return answer;
      } catch (error) {
        if (!session.isBroken()) await client.query(`rollback; ${flush}`);
        const lookAgain = (error as { code?: string }).code === 'FL004' && !attempt.lookUp;
        if (lookAgain) attempt.lookUp = true;
        else await waitForLock(error, tries, input);
      }
    }
  }

  /** `begin; …; commit` sent as one text is one transaction: ours takes its place. */
  function unwrapped(sql: string, statements: readonly Statement[]): string | undefined {
    const [first, last] = [statements[0]!, statements.at(-1)!];
    if (first.control !== 'begin' || last.control !== 'commit' || first.modes || last.chain || statements.length < 3) return undefined;
    if (statements.slice(1, -1).some((it) => it.kind === 'control' || it.kind === 'bare')) return undefined;
    return Buffer.from(sql).subarray(first.to, last.from).toString();
  }

  /** Sent again by every attempt: it only reads, or what it does is gone with the session. */
  async function isLive(statement: Statement): Promise<boolean> {
    if (statement.createsTemp !== undefined) temporary.add(statement.createsTemp);
    if (statement.kind === 'session' || onlyTemporary(statement)) return true;
    return statement.kind === 'read' && !(await mayWrite(statement.functions));
  }

  async function several(
    sql: string,
    bindings: readonly unknown[],
    statements: readonly Statement[],
    send: () => Promise<Answer>,
  ): Promise<Answer> {
    if (!statements.some((it) => it.kind === 'control')) {
      let live = true;
      for (const statement of statements) live = (await isLive(statement)) && live;
      if (blocks.length) return live ? send() : inBlock(journal.place(sql, bindings), send);
      return live ? inTransaction({ send }, () => '') : once({ send }, journal.place(sql, bindings));
    }
    const inner = blocks.length ? undefined : unwrapped(sql, statements);
    if (inner === undefined)
      throw fail('FLT_STRAY_TRANSACTION', 'mixes BEGIN or COMMIT with other statements in one text; send them one by one.');
    const sendInner = async (): Promise<Answer> => {
      await refuseBulkWrites(attempt, session, inner);
      return queryEach(client, inner);
    };
    return once({ send: sendInner }, journal.place(sql, bindings));
  }

  async function single(statement: Statement, sql: string, bindings: readonly unknown[], send: () => Promise<Answer>): Promise<Answer> {
    if (statement.kind === 'control') return control(statement, send);
    if (await isLive(statement)) {
      const looksAround = statement.kind !== 'session' || statement.createsTemp !== undefined || statement.node === 'DeclareCursorStmt';
      const plain = blocks.length > 0 || !looksAround;
      return plain ? send() : inTransaction({ send }, () => '');
    }
    const place = journal.place(sql, bindings);
    if (blocks.length) return inBlock(place, send);
    if (!statement.bare) return once({ send, ...(statement.validates ? { validates: true } : {}) }, place);
    const entry = journal.find(place);
    if (entry?.state === 'done') return answerOf(entry);
    return runBare({ attempt, session, migration, journal, ownSchemas: settings.ownSchemas, keep }, statement.bare, place, send);
  }

  return {
    async around({ sql, bindings, index, streams }, send) {
      input.onStep(`${migration}, statement ${index + 1}`);
      // What the journal answers was written when the table was smaller, and is not refused now
      const sendIt = async () => {
        await refuseBulkWrites(attempt, session, sql);
        return send() as Promise<Answer>;
      };
      if (blocks.length === 0) hints = hints.next();
      await hints.read(sql);
      await refuseForeignSequences(attempt, session, sql, hints);
      const statements = await statementsOf(sql);
      if (streams && statements?.some((it) => it.kind !== 'read'))
        throw fail('FLT_CONNECTION_ESCAPE', 'streams the answer of a statement that writes; send it as a query.');
      const sent =
        statements?.length === 1 ? single(statements[0]!, sql, bindings, sendIt) : several(sql, bindings, statements ?? [UNKNOWN], sendIt);
      return (await sent) as Awaited<ReturnType<typeof send>>;
    },
    isAnswered: (sql) => journal.answers(sql, []),
    finish() {
      if (blocks.length) throw fail('FLT_STRAY_TRANSACTION', 'ended inside a transaction that it had begun.');
    },
  };
}
