/** What a transaction has dropped or moved no longer has its name in it; a second connection still sees whose it was. */

import type { Client } from 'pg';
import { type Attempt, wallsOf } from './attempt.js';
import type { TenantSession } from './contract.js';
import type { Hints } from './hints.js';
import { type Gone, goingRowsSql, goneOutsideSql, goneSql, type Row, seenRowsSql, type Walls } from './walls.js';

/** Whether `wallsFor` asks the server, inside the open transaction. */
export const looksUp = (attempt: Attempt, hints: Hints): boolean => attempt.lookUp || hints.lookUp;

/** The walls for the end of a transaction. What is gone is looked up first where the texts say that there may be something. */
export async function wallsFor(attempt: Attempt, session: TenantSession, hints: Hints): Promise<Walls> {
  const walls = wallsOf(attempt, hints);
  return looksUp(attempt, hints) ? { ...walls, brief: false, gone: await goneOutside(attempt, session, walls) } : walls;
}

/** What was dropped outside, or moved in from there. */
async function goneOutside(attempt: Attempt, { client }: TenantSession, walls: Walls): Promise<readonly string[]> {
  const gone = (await client.query<Gone>(goneSql(walls))).rows[0]!;
  const going = goingRowsSql(walls, gone);
  if (gone.things.length === 0 && !going) return [];
  return attempt.options.hosts.withTenant(attempt.input.tenant, async ({ client: other }) => {
    const things = gone.things.length ? (await other.query<{ name: string }>(goneOutsideSql(walls, gone))).rows : [];
    const rows = going ? (await other.query<Row>(going)).rows : [];
    return [...things.map(({ name }) => name), ...(await ours(rows))];

    /** Others delete rows too: those are ours that we see no more while everybody else still does. */
    async function ours(candidates: readonly Row[]): Promise<readonly string[]> {
      if (candidates.length === 0) return [];
      const seenBy = async (whom: Client) =>
        new Set((await whom.query<Omit<Row, 'name'>>(seenRowsSql(candidates))).rows.map(({ catalog, ctid }) => catalog + ctid));
      const here = await seenBy(client);
      const there = await seenBy(other);
      return candidates
        .filter(({ catalog, ctid }) => there.has(catalog + ctid) && !here.has(catalog + ctid))
        .map(({ catalog, name }) => `${name} (${catalog === 'pg_type' ? 'moved' : 'dropped'})`);
    }
  });
}
