/** The refusal of a migration that reached outside its tenant. */

import { FlotillaError } from '../domain/errors.js';
import type { Attempt } from './attempt.js';

/** How the server separates what it names. */
export const BETWEEN = '; ';
/** Entries of the config that a refusal spells out. */
const MOST_ENTRIES = 5;

/** @param objects as the server names them, with the lock or what happened to them in brackets */
export function escaped(attempt: Attempt, objects: string): FlotillaError {
  const { schema } = attempt.input.tenant;
  return refusal(attempt, objects, `touched ${objects} outside its ${schema === undefined ? 'database' : 'schema'} and was rolled back`);
}

/** The same for a statement whose effect a rollback would not take back. */
export const wouldEscape = (attempt: Attempt, objects: string): FlotillaError =>
  refusal(attempt, objects, `would touch ${objects}, which Postgres never takes back; the statement was not sent`);

/** Names what was touched, and the line of the config that would allow it. */
function refusal(attempt: Attempt, objects: string, what: string): FlotillaError {
  const { id } = attempt.input.tenant;
  const named = objects.split(BETWEEN).filter((name) => !/^and \d+ more$/.test(name));
  const entries = named.slice(0, MOST_ENTRIES).map((name) => {
    const [, object, mode] = /^(.+?)(?: \(([A-Z ]+|dropped|moved)\))?$/.exec(name)!;
    return `{ object: ${JSON.stringify(object)}, maxLock: '${mode && mode === mode.toUpperCase() ? mode : 'ACCESS EXCLUSIVE'}' }`;
  });
  const and = named.length > MOST_ENTRIES ? ', and so on' : '';
  return new FlotillaError(
    'FLT_TENANT_ESCAPE',
    `${id}: ${attempt.inHand} ${what}. If migrations may touch ${named.length > 1 ? 'them' : 'it'}, add to the config: shared: [${entries.join(', ')}]${and}.`,
    { tenant: id, migration: attempt.inHand, objects },
  );
}
