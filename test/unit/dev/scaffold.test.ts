import { mkdirSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createJiti } from 'jiti';
import { describe, expect, it } from 'vitest';
import { nextTimestamp } from '../../../src/commands/make.js';
import { fleetConfigSource } from '../../../src/dev/scaffold/fleet-config.js';
import { findKnexfile, readKnexfile } from '../../../src/dev/scaffold/knexfile.js';
import {
  migrationSource,
  migrationSources,
  namesOf,
  TEMPLATES,
  type TemplateName,
  tableFromName,
} from '../../../src/dev/scaffold/migration-templates.js';
import { writeNewFiles } from '../../../src/dev/scaffold/new-files.js';
import { describeProject, toFleetName } from '../../../src/dev/scaffold/project.js';
import { FlotillaError } from '../../../src/domain/errors.js';
import { readDeclaration } from '../../../src/migration/declaration.js';
import { loadConfig, selfAlias } from '../../../src/spec/load-config.js';

const folder = (files: Readonly<Record<string, string>> = {}) => {
  const dir = mkdtempSync(join(tmpdir(), 'flotilla-scaffold-'));
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(join(dir, name, '..'), { recursive: true });
    writeFileSync(join(dir, name), text);
  }
  return dir;
};

const codeOf = async (work: () => unknown): Promise<string> => {
  try {
    await work();
    return 'no error';
  } catch (error) {
    return error instanceof FlotillaError ? error.code : String(error);
  }
};

describe('a new config', () => {
  it.each([
    ['schemas', { tenants: 'schemas' as const, schemas: 'tenant_*', directories: ['./migrations'] }],
    [
      'hostile text',
      { tenants: 'schemas' as const, schemas: `o'h"ara_*\\n`, directories: ["./it's", './b'], tableName: `a'"b`, schemaName: '\\' },
    ],
    ['a query', { tenants: 'query' as const, schemas: '', sql: `select id from t where x = 'it''s'`, directories: ['./migrations'] }],
    [
      'knex settings',
      { tenants: 'schemas' as const, schemas: '*', directories: ['./a'], tableName: 'm', schemaName: 's', loadExtensions: ['.ts'] },
    ],
  ])('loads as written: %s', async (_, answers) => {
    const dir = folder();
    writeFileSync(join(dir, 'flotilla.config.ts'), fleetConfigSource({ name: 'shop', ...answers }));
    const { fleet } = await loadConfig(undefined, dir);
    expect(fleet.name).toBe('shop');
    const { directory, tableName, schemaName, loadExtensions } = fleet.migrations;
    expect([directory].flat()).toEqual(answers.directories);
    expect({ tableName, schemaName, loadExtensions }).toEqual({
      tableName: 'tableName' in answers ? answers.tableName : undefined,
      schemaName: 'schemaName' in answers ? answers.schemaName : undefined,
      loadExtensions: 'loadExtensions' in answers ? answers.loadExtensions : undefined,
    });
    const [source] = fleet.tenants;
    expect(source).toMatchObject(answers.tenants === 'query' ? { sql: answers.sql } : { like: answers.schemas });
  });

  it('takes its name from the package', () => {
    expect(toFleetName('@acme/shop app')).toBe('shop-app');
    expect(toFleetName('@acme/')).toBe('fleet');
    expect(
      describeProject(folder({ 'package.json': '{"name":"billing","type":"module","devDependencies":{"typescript":"7"}}' })),
    ).toMatchObject({
      fleetName: 'billing',
      typescript: true,
      esm: true,
    });
  });
});

describe('a knexfile', () => {
  const knexfile = (text: string, name = 'knexfile.mjs') => {
    const dir = folder({ [name]: text });
    return readKnexfile(findKnexfile(undefined, dir), dir);
  };

  it.each([
    ['an object', `export default { client: 'pg', migrations: { directory: 'db/m', tableName: 't' } }`],
    ['environments', `export default { development: { client: 'pg', migrations: { directory: './db/m', tableName: 't' } } }`],
    ['a function', `export default async () => ({ client: 'postgresql', migrations: { directory: './db/m', tableName: 't' } })`],
  ])('is taken over from %s', async (_, text) => {
    expect(await knexfile(text)).toMatchObject({ directories: ['./db/m'], tableName: 't', notes: [] });
  });

  it('is taken over from CommonJS and TypeScript', async () => {
    expect(await knexfile(`module.exports = { client: 'pg', migrations: { directory: ['a', 'b'] } }`, 'knexfile.cjs')).toMatchObject({
      directories: ['./a', './b'],
    });
    expect(await knexfile(`const c: { client: string } = { client: 'pg' }; export default c;`, 'knexfile.ts')).toMatchObject({
      directories: ['./migrations'],
    });
  });

  it('in another folder keeps its migrations where Knex looks for them', async () => {
    const dir = folder({ 'db/knexfile.mjs': `export default { client: 'pg', migrations: { directory: './m' } }` });
    expect((await readKnexfile(findKnexfile('db/knexfile.mjs', dir), dir)).directories).toEqual(['./db/m']);
  });

  it('tells what it cannot take', async () => {
    const { notes } = await knexfile(
      `export default { client: 'pg', wrapIdentifier: (v) => v, migrations: { disableTransactions: true } }`,
    );
    expect(notes.map((note) => note.split(' ')[3])).toEqual(['wrapIdentifier,', 'disableTransactions.']);
  });

  it.each([
    ['another database', `export default { client: 'mysql2', migrations: {} }`],
    ['a migration source', `export default { client: 'pg', migrations: { migrationSource: {} } }`],
    ['an error in it', `throw new Error('x')`],
    ['nothing', `export default 3`],
    ['another environment', `export default { staging: { client: 'pg' } }`],
  ])('with %s is refused', async (_, text) => {
    expect(await codeOf(() => knexfile(text))).toBe('FLT_KNEXFILE_UNUSABLE');
  });

  it('that is missing is named', async () => {
    expect(await codeOf(() => findKnexfile(undefined, folder()))).toBe('FLT_KNEXFILE_UNUSABLE');
  });
});

describe('a new migration', () => {
  const names = Object.keys(TEMPLATES) as TemplateName[];

  it.each(names)('from template %s loads in each flavour, with a way back or the reason why there is none', async (name) => {
    const dir = folder({ 'package.json': '{"type":"module"}' });
    const names = namesOf(name, 'm');
    for (const [flavour, extension] of [
      ['ts', '.ts'],
      ['esm', '.mjs'],
      ['cjs', '.cjs'],
    ] as const)
      for (const [at, source] of migrationSources(name, 'orders', names, flavour, extension).entries())
        writeFileSync(join(dir, `${names[at]}${extension}`), source);
    const files = readdirSync(dir).filter((entry) => entry.startsWith('m'));
    expect(files).toHaveLength(3 * names.length);
    for (const file of files) {
      const jiti = createJiti(import.meta.url, { fsCache: false, alias: selfAlias() });
      const module = await jiti.import<Record<string, unknown>>(join(dir, file));
      const { irreversible } = readDeclaration(module.flotilla) ?? {};
      expect([typeof module.up, typeof (irreversible ?? module.down), file]).toEqual([
        'function',
        irreversible ? 'string' : 'function',
        file,
      ]);
    }
  });

  it('gives no two objects one name, however long the table is called', () => {
    const source = migrationSource('foreign-key', 't'.repeat(63), 'ts');
    const made = [...source.matchAll(/name: '(\w+)'/g)].map(([, name]) => name!);
    expect(made).toHaveLength(2);
    expect(new Set(made.map((name) => name.slice(0, 63))).size).toBe(2);
  });

  it('of several files is written whole or not at all', async () => {
    const dir = folder({ 'b.ts': 'mine' });
    const files = ['sub/a.ts', 'b.ts', 'c.ts'].map((name) => ({ path: join(dir, name), text: name }));
    expect(await codeOf(() => writeNewFiles(files))).toBe('FLT_FILE_EXISTS');
    expect(readdirSync(dir).sort()).toEqual(['b.ts', 'sub']);
    expect([readdirSync(join(dir, 'sub')), readFileSync(join(dir, 'b.ts'), 'utf8')]).toEqual([[], 'mine']);
  });

  it('is about the table that its name says', () => {
    expect(tableFromName('create_orders')).toBe('orders');
    expect(tableFromName('add_status_to_orders')).toBe('orders');
    expect(tableFromName('orders')).toBe('orders');
  });

  it.each([
    [[], '20260102030405'],
    [['20250101000000_a.ts'], '20260102030405'],
    [['20260102030405_a.ts'], '20260102030406'],
    [['20260102030459_a.ts'], '20260102030500'],
    [['20300101000000_from_another_zone.ts'], '20300101000001'],
    [['0001_numbered.ts'], '20260102030405'],
  ])('comes after %s', (neighbours, expected) => {
    expect(nextTimestamp(neighbours, new Date('2026-01-02T03:04:05.678Z'))).toBe(expected);
  });
});
