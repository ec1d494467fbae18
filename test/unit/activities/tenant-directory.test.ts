import { expect, it } from 'vitest';
import { createTenantDirectory } from '../../../src/activities/tenant-directory.js';
import type { TenantRef } from '../../../src/domain/tenant.js';
import { createHosts } from '../../../src/postgres/hosts.js';
import type { Fleet } from '../../../src/spec/fleet.js';

const t1: TenantRef = { id: 't1', host: 'eu-1', schema: 't1' };

/** One function lists the tenants, and a query on a host of another cell that this worker does not reach. */
function setup() {
  const source = { tenants: [t1] as readonly TenantRef[], silent: false, asked: 0 };
  const fleet = {
    hosts: { 'eu-1': { connection: 'env:EU', cell: 'eu' }, 'us-1': { connection: 'env:US', cell: 'us' } },
    tenants: [
      async () => {
        source.asked++;
        if (source.silent) throw new Error('no answer');
        return source.tenants;
      },
      { kind: 'query', host: 'us-1', sql: 'select' },
    ],
  } as unknown as Fleet;
  const resolve = async () => {
    throw new Error('out of reach');
  };
  const hosts = createHosts({ hosts: { 'us-1': { connection: 'env:US', maxConcurrency: 1 } }, resolve });
  return { source, directory: createTenantDirectory({ fleet, hosts }) };
}

it('[S20] asks once for many tenants, and anew for whoever has read the sources since', async () => {
  const { source, directory } = setup();
  for (let n = 0; n < 3; n++) expect(await directory.lookUp(t1, 100)).toEqual(t1);
  expect(source.asked).toBe(1);
  source.tenants = [{ ...t1, schema: 'elsewhere' }];
  expect(await directory.lookUp(t1, 200)).toMatchObject({ schema: 'elsewhere' });
  expect(await directory.lookUp(t1, 150), 'an older plan hears what is known now').toMatchObject({ schema: 'elsewhere' });
  expect(source.asked).toBe(2);
});

it('[S20] does not let what was said before the plan overrule it when the sources are silent', async () => {
  const { source, directory } = setup();
  expect(await directory.lookUp(t1, 100)).toEqual(t1);
  source.silent = true;
  expect(await directory.lookUp(t1, 200)).toBeUndefined();
});

it('[S20] says to whoever looks up what a search has found', async () => {
  const { source, directory } = setup();
  await directory.lookUp(t1, 100);
  source.tenants = [{ ...t1, schema: 'elsewhere' }];
  expect(await directory.search(t1)).toMatchObject({ schema: 'elsewhere' });
  expect(await directory.lookUp(t1, 100)).toMatchObject({ schema: 'elsewhere' });
});

it('[S18] calls gone whom nobody names or who is deleted there, and nobody while a source is silent', async () => {
  const { source, directory } = setup();
  source.tenants = [];
  expect(await directory.search(t1)).toBe('gone');
  source.tenants = [{ ...t1, lifecycle: 'deleted' }];
  expect(await directory.search(t1)).toBe('gone');
  source.silent = true;
  expect(await directory.search(t1)).toBeUndefined();
  expect(await directory.search({ ...t1, host: 'us-1' }), 'its own cell cannot be asked').toBeUndefined();
});
