import { describe, expect, it } from 'vitest';
import { duration } from '../../../src/spec/duration.js';
import { defineFleet, fleetSpec, fromList, fromQuery, fromSchemas, reference } from '../../../src/spec/fleet.js';
import { intOrPercent, strategySpec } from '../../../src/spec/strategy.js';

const FLEET = {
  name: 'shop',
  control: { connection: 'env:CONTROL' },
  hosts: { 'pg-eu-1': { connection: 'env:PG_EU_1' } },
  tenants: [fromList([])],
  migrations: { directory: 'migrations' },
};
const paths = (config: unknown): string[] => (fleetSpec.safeParse(config).error?.issues ?? []).map((issue) => issue.path.join('.'));

describe('a fleet', () => {
  it('needs a name, a control database, hosts, tenants and migrations, and nothing else', () => {
    expect(fleetSpec.parse(FLEET)).toEqual(FLEET);
    expect(paths({})).toEqual(['name', 'control', 'hosts', 'tenants', 'migrations']);
    expect(paths({ ...FLEET, hosts: {}, tenants: [] })).toEqual(['hosts', 'tenants']);
  });

  it('may say everything that there is to say', () => {
    const everything = defineFleet({
      ...FLEET,
      environment: 'production',
      temporal: { taskQueue: 'q', address: 'temporal:7233', namespace: 'ns' },
      control: { connection: 'file:/run/secrets/control', schema: 'flotilla' },
      hosts: {
        a: { connection: 'env:A', admin: 'env:A_ADMIN', cell: 'eu', maxConcurrency: 1000 },
        b: { connection: ({ id }) => `file:/secrets/${id}`, admin: 'env:B' },
      },
      tenants: [
        fromSchemas({ host: 'a', database: 'x', like: 't_*', id: (schema) => schema.slice(2), labels: (schema) => ({ schema }) }),
        fromSchemas({ host: 'a', like: 't_*', labels: { plan: 'gold' } }),
        fromQuery({ host: 'b', database: 'y', sql: 'select id from tenants' }),
        fromList([{ id: '1', host: 'a', database: 'd', schema: 's', labels: { a: 'b' }, lifecycle: 'suspended', role: 'r' }]),
        async () => [{ id: '2', host: 'b' }],
      ],
      migrations: {
        directory: ['a', 'b'],
        tableName: 'moves',
        schemaName: 'knex',
        loadExtensions: ['.ts'],
        userParams: () => ({}),
        wrapIdentifier: (value, next) => next(value),
        postProcessResponse: (result) => result,
        inputs: ['sql/**'],
      },
      strategy: 'mine',
      strategies: { mine: {} },
      shared: [{ object: 'public.plans', maxLock: 'SHARE ROW EXCLUSIVE' }],
      extensionSchemas: ['extensions'],
    });
    expect(fleetSpec.parse(everything)).toEqual(everything);
  });

  it.each(['control', 'hosts.pg-eu-1', 'migrations', 'temporal', 'tenants.0', ''])(
    'takes no field that it does not know, in "%s"',
    (at) => {
      const config = structuredClone({ ...FLEET, temporal: {} }) as Record<string, unknown>;
      const part = at.split('.').reduce((value, key) => (key ? (value[key] as Record<string, unknown>) : value), config);
      part.extra = 1;
      const issues = JSON.stringify(fleetSpec.safeParse(config).error?.issues);
      expect(issues).toContain('extra');
    },
  );

  it('with a connection function needs a reference that serves discovery', () => {
    expect(paths({ ...FLEET, hosts: { a: { connection: () => 'env:A' } } })).toEqual(['hosts.a.admin']);
  });

  it("keeps room for the name of Knex's lock table", () => {
    expect(paths({ ...FLEET, migrations: { directory: 'm', tableName: 'x'.repeat(58) } })).toEqual(['migrations.tableName']);
    expect(paths({ ...FLEET, migrations: { directory: 'm', tableName: 'x'.repeat(57) } })).toEqual([]);
  });
});

describe('a reference', () => {
  it.each(['env:PG_EU_1', 'env:_x', 'file:/run/secrets/pg', 'file:secrets/pg eu'])('may be %s', (text) => {
    expect(reference.safeParse(text).success).toBe(true);
  });
  it.each(['', 'env:', 'env:1X', 'env:A B', 'env:A-B', 'file:', 'PG_EU_1', 'ENV:X', 'postgres://u:p@h/db', 'x env:X', 'env:X\nenv:Y'])(
    'may not be %j',
    (text) => {
      expect(reference.safeParse(text).success).toBe(false);
    },
  );
});

describe('a duration', () => {
  it.each(['0s', '500ms', '30s', '15m', '72h', '1.5h', '2 days'])('may be %s', (text) => {
    expect(duration.safeParse(text).success).toBe(true);
  });
  it.each(['', ' ', 'soon', '-5m', '5 parsecs', '1h 30m', 'x'.repeat(200), 5, null])('may not be %j', (text) => {
    expect(duration.safeParse(text).success).toBe(false);
  });
});

describe('a number or a share', () => {
  it.each([0, 7, '0%', '5%', '2.5%', '99.9%', '100%', '100.0%'])('may be %j', (value) => {
    expect(intOrPercent.safeParse(value).success).toBe(true);
  });
  it.each([-1, 1.5, '5', '-5%', '101%', '100.5%', '%', '5 %', Number.NaN])('may not be %j', (value) => {
    expect(intOrPercent.safeParse(value).success).toBe(false);
  });
});

describe('a strategy', () => {
  it('may be empty, and may say everything', () => {
    const everything = {
      waves: [
        {
          name: 'gold-5%',
          selector: { matchLabels: { plan: 'gold' }, matchExpressions: [{ key: 'region', operator: 'In', values: ['eu'] }], names: ['a'] },
          size: '5%',
          maxFailures: 0,
          maxConcurrency: 1,
          maxConcurrencyPerHost: 1,
          bakeTime: '1h',
        },
      ],
      unmatched: 'remainder',
      canary: { count: 2, include: ['a'], exclude: ['b'], seed: 'x', bakeTime: '10m' },
      maxConcurrency: 10,
      maxConcurrencyPerHost: 2,
      maxFailures: '1%',
      timeouts: { lock: '2s', statement: '10m', idle: '1m' },
      retry: { quickTries: 3, maxAttempts: 5, minBackoff: '1s', maxBackoff: '1m' },
      onTenantFailure: 'park',
      onBreach: 'halt',
      bakeTime: '10m',
      finalBakeTime: '1h',
      approval: { when: ['gold-5%'], timeout: '72h', onTimeout: 'halt' },
      exclude: ['c'],
      outOfOrder: 'allow',
    };
    expect(strategySpec.parse({})).toEqual({});
    expect(strategySpec.parse(everything)).toEqual(everything);
  });

  it.each([
    { waves: [] },
    { waves: [{ name: 'a b' }] },
    { waves: [{ name: 'a', selectors: {} }] },
    { canary: true },
    { canary: { count: 0 } },
    { maxConcurrency: 0 },
    { retry: { quickTries: 21 } },
    { onBreach: 'rollback' },
    { approval: {} },
    { approval: { when: [] } },
    { typo: 1 },
  ])('may not be %j', (spec) => {
    expect(strategySpec.safeParse(spec).success).toBe(false);
  });
});
