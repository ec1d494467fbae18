import { expect, it } from 'vitest';
import type { ActivityDeps } from '../../../src/activities/deps.js';
import { eachUnderLock } from '../../../src/activities/tend/each-under-lock.js';
import type { TendInput, Walk } from '../../../src/activities/tend/visit.js';
import type { TenantRef } from '../../../src/domain/tenant.js';
import type { Tended } from '../../../src/domain/tend.js';
import { Tally } from '../../../src/domain/tend.js';
import type { Hosts } from '../../../src/postgres/contract.js';
import { createHosts } from '../../../src/postgres/hosts.js';
import { createDatabase, ident, query } from '../../support/postgres.js';

const input = { requestId: 'q-1' } as TendInput;
const walkWith = (more: Partial<Walk> = {}): Walk => ({
  tally: new Tally(),
  stop: () => false,
  refuseWhenStopped: async () => undefined,
  ...more,
});
const depsWith = (hosts: Hosts): ActivityDeps => ({ hosts, names: { tableName: 'knex_migrations' }, fleet: {} }) as unknown as ActivityDeps;

it('does not try every tenant of a host that does not answer, and names them all', async () => {
  const asked: string[] = [];
  const dead = createHosts({
    hosts: { h1: { connection: (tenant) => `env:${asked.push(tenant.id)}` } },
    resolve: async () => 'postgres://nobody@127.0.0.1:1/nowhere',
  });
  const tenants: TenantRef[] = Array.from({ length: 200 }, (_, n) => ({ id: `t${n}`, host: 'h1', schema: `t${n}` }));
  const came = new Map<string, Tended>();
  await eachUnderLock(
    depsWith(dead),
    input,
    tenants,
    {},
    walkWith(),
    () => ({ outcome: 'done' }),
    ({ id }, tended) => came.set(id, tended),
  );
  expect([...came.keys()].sort()).toEqual(tenants.map(({ id }) => id).sort());
  for (const tended of came.values()) expect(tended).toMatchObject({ outcome: 'unreached', code: 'FLT_HOST_UNAVAILABLE' });
  expect(asked.length).toBeLessThan(10);
  await dead.close();
});

it('goes on past a tenant whose own credential is refused, and past one without a schema', async () => {
  const db = await createDatabase('each');
  await query(db.url, ['a', 'b', 'c'].map((schema) => `create schema ${ident(schema)}`).join(';'));
  const wrong = new URL(db.url);
  wrong.password = 'mistaken';
  const hosts = createHosts({
    hosts: { h1: { connection: ({ id }) => `env:${id}`, admin: 'env:a' } },
    resolve: async (reference) => (reference === 'env:b' ? wrong.toString() : db.url),
  });
  const tally = new Tally();
  const tenants = ['a', 'b', 'c', 'nowhere'].map((id): TenantRef => ({ id, host: 'h1', schema: id }));
  await eachUnderLock(
    depsWith(hosts),
    input,
    tenants,
    {},
    walkWith({ tally }),
    () => ({ outcome: 'done' }),
    ({ id }, tended) => tally.add(id, tended),
  );
  expect(tally.result()).toMatchObject({
    counts: { tenants: 4, done: 2, refused: 1, unreached: 1 },
    left: expect.arrayContaining([
      expect.objectContaining({ outcome: 'unreached', code: 'FLT_AUTH_FAILED', tenants: ['b'] }),
      expect.objectContaining({ outcome: 'refused', code: 'FLT_SCHEMA_MISSING', tenants: ['nowhere'] }),
    ]),
  });
  await hosts.close();
  await db.drop();
});

it('takes up no further tenant once the worker is stopping', async () => {
  const db = await createDatabase('each');
  const names = Array.from({ length: 30 }, (_, n) => `t${n}`);
  await query(db.url, names.map((schema) => `create schema ${ident(schema)}`).join(';'));
  const hosts = createHosts({ hosts: { h1: { connection: 'env:H1' } }, resolve: async () => db.url });
  const came: string[] = [];
  const walk = walkWith({
    async refuseWhenStopped() {
      if (came.length >= 5) throw new Error('stopping');
    },
  });
  const walking = eachUnderLock(
    depsWith(hosts),
    input,
    names.map((id): TenantRef => ({ id, host: 'h1', schema: id })),
    {},
    walk,
    () => ({ outcome: 'done' }),
    ({ id }) => came.push(id),
  );
  await expect(walking).rejects.toThrow('stopping');
  await hosts.close();
  expect(came.length).toBeLessThan(12);
  await db.drop();
});
