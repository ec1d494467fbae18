/** What a transaction has dropped no longer has a name in it; a second connection still sees whose it was. */

import { FlotillaError } from '../domain/errors.js';
import type { Attempt } from './attempt.js';
import type { TenantSession } from './contract.js';
import { type Dropped, droppedOutsideSql, droppedSql, type Walls } from './walls.js';

/** Whether a text may drop something. A drop that hides in a function is found at the end, and costs another try. */
export const mayDrop = (sql: string): boolean => /\bdrop\b/i.test(sql);

/** @throws FLT_TENANT_ESCAPE naming what was dropped outside the tenant's schemas */
export async function lookUpDropped(attempt: Attempt, session: TenantSession, walls: Walls): Promise<void> {
  const { rows } = await session.client.query<Dropped>(droppedSql(walls));
  if (rows.length === 0) return;
  const outside = await attempt.options.hosts.withTenant(attempt.input.tenant, async ({ client }) => {
    const found = await client.query<{ name: string }>(droppedOutsideSql(walls, rows));
    return found.rows.map((row) => row.name);
  });
  if (outside.length) throw escaped(attempt, outside.join(BETWEEN));
}

/** How the server separates what it names. */
export const BETWEEN = '; ';

/** Names what was touched, and the line of the config that would allow the first of it. */
export function escaped(attempt: Attempt, objects: string): FlotillaError {
  const [, object, mode] = /^(.+?)(?: \(([A-Z ]+|dropped)\))?$/.exec(objects.split(BETWEEN)[0]!)!;
  const line = `shared: [{ object: ${JSON.stringify(object)}, maxLock: '${mode === undefined || mode === 'dropped' ? 'ACCESS EXCLUSIVE' : mode}' }]`;
  const { id } = attempt.input.tenant;
  return new FlotillaError(
    'FLT_TENANT_ESCAPE',
    `${id}: ${attempt.inHand} touched ${objects} outside its schema and was rolled back. If migrations may touch it, add to the config: ${line}.`,
    { tenant: id, migration: attempt.inHand, objects },
  );
}
