/**
 * Makes all checks of a migration, or of several, in one message. Each check runs in a subtransaction of its own that can only read, so that
 * one that fails to run fails alone, and none can change what it looks at.
 */

import type { Client } from 'pg';
import type { MigrationValidation, Numbers, ValidationResult } from '../../domain/validation.js';
import type { Validation } from '../../migration/validations.js';
import { tenantSchema } from '../ledger.js';
import { asWeBegan, BEGIN, type SessionSettings, searchPathOf, settings } from '../messages.js';
import { queryEach } from '../query-each.js';
import { doBlock, literal } from '../quote.js';
import { describePostgresError } from '../sqlstate.js';
import { constraintValid, index, uniqueConstraint } from './catalog-checks.js';
import { sameContent, sameCount } from './comparison-checks.js';
import type { Kind } from './kind.js';
import { custom, noOrphans, nullCount, range } from './row-checks.js';

const KINDS: { readonly [K in Validation['check']]: Kind<Extract<Validation, { check: K }>> } = {
  noOrphans,
  uniqueConstraint,
  index,
  constraintValid,
  sameCount,
  sameContent,
  nullCount,
  range,
  custom,
};
const kindOf = ({ check }: Validation) => KINDS[check] as Kind<Validation>;

/** Checks of one migration. */
export interface Declared {
  readonly migration: string;
  readonly checks: readonly Validation[];
}

/**
 * Makes the checks within the transaction that is open, and sees what it has done. Role and search_path are the tenant's afterwards. One
 * message; safe to repeat. A lock that is not granted, a time-out, and trouble of the host are thrown as they come: they say nothing of the data.
 * @param answerWithinMs see `queryEach`
 */
export async function runValidations(
  client: Client,
  session: SessionSettings,
  checks: readonly Validation[],
  answerWithinMs?: number,
): Promise<readonly ValidationResult[]> {
  return judge(checks, await ask(client, messageOf(session, checks), answerWithinMs));
}

/** The same in a transaction of its own that reads only; of several migrations at once. */
export const runValidationsReadOnly = (
  client: Client,
  session: SessionSettings,
  declared: readonly Declared[],
  answerWithinMs?: number,
): Promise<readonly MigrationValidation[]> =>
  runOfSeveral(
    client,
    session,
    declared,
    answerWithinMs,
    (checks) => `${BEGIN} set transaction read only; ${settings(session, true)} ${checks} commit;`,
  );

/** The same in the transaction that is open, and leaves it as it was: its settings, and no lock. */
export const runValidationsAside = (
  client: Client,
  session: SessionSettings,
  declared: readonly Declared[],
  answerWithinMs?: number,
): Promise<readonly MigrationValidation[]> =>
  runOfSeveral(
    client,
    session,
    declared,
    answerWithinMs,
    (checks) => `savepoint aside; ${checks} rollback to savepoint aside; release savepoint aside;`,
  );

async function runOfSeveral(
  client: Client,
  session: SessionSettings,
  declared: readonly Declared[],
  answerWithinMs: number | undefined,
  around: (checks: string) => string,
): Promise<readonly MigrationValidation[]> {
  const checks = declared.flatMap((it) => it.checks);
  const answers = [...(await ask(client, around(messageOf(session, checks)), answerWithinMs))];
  return declared.map((it) => ({ migration: it.migration, results: judge(it.checks, answers.splice(0, it.checks.length)) }));
}

/** What one check answered: its numbers, or why it could not be made. */
type Answer = Numbers | { readonly error: Refusal };
interface Refusal {
  readonly code: string;
  readonly message: string;
  readonly table: string;
  readonly column: string;
  readonly constraint: string;
}

const ANSWERS = 'flotilla.checks';

/** Troubles of the moment, which are no answer. */
const NO_ANSWER = `state ~ '^(08|40|53|57|58|XX)' or state = '55P03'`;

const messageOf = (session: SessionSettings, checks: readonly Validation[]): string =>
  // Temporary tables of the migration's would come first unless they are named last
  `set constraints all immediate; ${asWeBegan(session)} set local search_path to ${searchPathOf(session)}, pg_temp;
${doBlock(`declare answers jsonb := '[]'; answer jsonb; query text; state text; said text; tab text; col text; con text;
begin
  foreach query in array array[${checks.map((check) => literal(kindOf(check).sql(tenantSchema(session.tenant), check))).join(', ')}]::text[] loop
    begin
      perform set_config('transaction_read_only', 'on', true);
      execute query into answer;
    exception when others then
      get stacked diagnostics state = returned_sqlstate, said = message_text, tab = table_name, col = column_name, con = constraint_name;
      if ${NO_ANSWER} then raise; end if;
      answer := jsonb_build_object('error', jsonb_build_object('code', state, 'message', said, 'table', tab, 'column', col, 'constraint', con));
    end;
    answers := answers || jsonb_build_array(answer);
  end loop;
  perform set_config('${ANSWERS}', answers::text, true);
end`)}
select current_setting('${ANSWERS}') as answers;`;

async function ask(client: Client, sql: string, answerWithinMs: number | undefined): Promise<readonly Answer[]> {
  const results = await queryEach<{ answers?: string }>(client, sql, answerWithinMs);
  return JSON.parse(results.find(({ rows }) => rows?.[0]?.answers !== undefined)!.rows[0]!.answers!) as Answer[];
}

function judge(checks: readonly Validation[], answers: readonly Answer[]): readonly ValidationResult[] {
  const labels = labelled(checks);
  return checks.map((check, n) => {
    const answer = answers[n]!;
    const about = { check: labels[n]! };
    if (isRefusal(answer)) return { ...about, passed: false, numbers: {}, message: describePostgresError({ name: '', ...answer.error }) };
    const message = kindOf(check).wrong(check, answer);
    return { ...about, passed: message === undefined, numbers: answer, ...(message === undefined ? {} : { message }) };
  });
}

const isRefusal = (answer: Answer): answer is { readonly error: Refusal } => typeof answer.error === 'object' && answer.error !== null;

/** Checks that would be called the same are numbered. */
function labelled(checks: readonly Validation[]): readonly string[] {
  const times = new Map<string, number>();
  return checks.map((check) => {
    const label = kindOf(check).label(check);
    const nth = (times.get(label) ?? 0) + 1;
    times.set(label, nth);
    return nth === 1 ? label : `${label} (${nth})`;
  });
}
