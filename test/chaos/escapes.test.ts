/**
 * Promise 2, never the wrong tenant: what a migration of tenant `acme` may try (`support/escape-attempts.ts`), and that nothing comes of it.
 * What it may do, and what a refusal says: `walls.test.ts`.
 */

import { rmSync } from 'node:fs';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createFixture, query } from '../support/postgres.js';
import { ATTEMPTS } from './support/escape-attempts.js';
import { byId, createStage, isCaught, named, type Stage } from './support/stage.js';

let stage: Stage;
beforeAll(async () => {
  stage = await createStage();
});
afterAll(() => stage?.close());

describe('a migration is refused, and everything else is as it was, that', () => {
  it.each(named(ATTEMPTS.filter((it) => it.caught)))('%s: %s', async (_, __, attempt) =>
    isCaught(stage[attempt.kind ?? 'schema'], attempt),
  );

  it('reaches elsewhere on its way down', async () => {
    const db = await stage.schema.database();
    const fixture = createFixture(db.url, {
      '01_down.js': `exports.up = () => {}; exports.down = (knex) => knex.raw('delete from sibling.notes');`,
    });
    try {
      const tenant = { id: 'unmanaged', host: 'h1', schema: 'unmanaged' };
      expect(await fixture.attempt(tenant)).toMatchObject({ outcome: 'applied' });
      expect(await fixture.attempt(tenant, 'down')).toMatchObject({ outcome: 'rollbackFailed', code: 'FLT_TENANT_ESCAPE' });
      expect(await query(db.url, 'select count(*)::int n from sibling.notes')).toEqual([{ n: 5 }]);
    } finally {
      await fixture.close();
      await db.drop();
    }
  });
});

describe('what a server does not count', () => {
  const blind = `alter database "{{database}}" set track_counts = off`;
  it.each(named(byId('create-function', 'create-enum', 'alter-role', 'revoke-role', 'rename-type', 'move-in-type')))(
    'is looked for all the same: %s, %s',
    (_, __, attempt) => isCaught(stage.schema, { ...attempt, given: blind }),
  );
});

describe('it is not seen, or not undone, that a migration', () => {
  const notSeen = ATTEMPTS.filter((it) => !it.caught);
  const LEAVES_BEHIND: Readonly<Record<string, (client: pg.Client) => unknown>> = {
    'copy-program': () => rmSync('/tmp/flotilla-escape-program', { force: true }),
    'copy-file': () => rmSync('/tmp/flotilla-escape-file', { force: true }),
    'replication-slot': (client) => client.query(`select pg_drop_replication_slot('escapes')`),
  };

  it.each(named(notSeen.filter(({ id }) => id !== 'notify')))('%s: %s', async (id, _, attempt) => {
    const bystander = await createBystander();
    const { result, client } = await stage.schema.runOnly(attempt);
    try {
      expect(result).toMatchObject(attempt.refused ? { outcome: 'failed', code: 'FLT_TENANT_ESCAPE' } : { outcome: 'applied' });
      expect(Object.values((await client.query(attempt.proof!)).rows[0]!)).toEqual([true]);
    } finally {
      await LEAVES_BEHIND[id]?.(client);
      await bystander.end();
    }
  });

  it.each(named(byId('notify')))('%s: %s', async (_, __, { source }) => {
    const db = await stage.schema.database();
    const listener = await db.client();
    await listener.query('listen escapes');
    const heard = new Promise((resolve) => listener.once('notification', resolve));
    const fixture = createFixture(db.url, { '20260202_notify.js': source });
    try {
      expect(await fixture.attempt({ id: 'acme', host: 'h1', schema: 'acme' }, 'up', { rolloutId: 'r-2' })).toMatchObject({
        outcome: 'applied',
      });
      expect(await heard).toMatchObject({ channel: 'escapes', payload: 'x' });
    } finally {
      await fixture.close();
      await db.drop();
    }
  });

  /** Somebody else's session. */
  async function createBystander(): Promise<{ end(): Promise<void> }> {
    const client = new pg.Client({ connectionString: stage.server, application_name: 'escapes bystander' });
    const gone = new Promise<void>((resolve) => client.once('end', resolve));
    client.on('error', () => undefined);
    await client.connect();
    return {
      async end() {
        await client.end();
        await gone;
      },
    };
  }
});
