import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { FlotillaError } from '../../../src/domain/errors.js';
import { createResolver } from '../../../src/spec/references.js';

const DSN = 'postgres://shop:s3cret-pass@db.example/shop';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'flotilla-references-'));
});
afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(dir, { recursive: true, force: true });
});

async function failureOf(reference: string): Promise<FlotillaError> {
  const error = await createResolver(dir)(reference).then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(FlotillaError);
  expect(error).toMatchObject({ code: 'FLT_REFERENCE_UNRESOLVED' });
  return error as FlotillaError;
}

it('answers what the variable holds, as it is at that moment', async () => {
  const resolve = createResolver(dir);
  vi.stubEnv('FLOTILLA_TEST_DSN', DSN);
  expect(await resolve('env:FLOTILLA_TEST_DSN')).toBe(DSN);
  vi.stubEnv('FLOTILLA_TEST_DSN', 'postgres://rotated');
  expect(await resolve('env:FLOTILLA_TEST_DSN')).toBe('postgres://rotated');
});

it("answers what the file holds without its last line end, from the config's folder on", async () => {
  mkdirSync(join(dir, 'secrets'));
  writeFileSync(join(dir, 'secrets', 'pg: eu'), `${DSN}\n`);
  const resolve = createResolver(dir);
  expect(await resolve('file:secrets/pg: eu')).toBe(DSN);
  expect(await resolve(`file:${join(dir, 'secrets', 'pg: eu')}`)).toBe(DSN);
  writeFileSync(join(dir, 'secrets', 'pg: eu'), 'postgres://rotated\r\n');
  expect(await resolve('file:secrets/pg: eu')).toBe('postgres://rotated');
});

it('names the variable that is not set or is empty', async () => {
  expect((await failureOf('env:FLOTILLA_TEST_NOWHERE')).message).toBe(
    'The variable FLOTILLA_TEST_NOWHERE is not set where the worker runs (reference "env:FLOTILLA_TEST_NOWHERE").',
  );
  vi.stubEnv('FLOTILLA_TEST_EMPTY', '');
  expect((await failureOf('env:FLOTILLA_TEST_EMPTY')).details).toEqual({ reference: 'env:FLOTILLA_TEST_EMPTY' });
});

it('names the file that is not there, cannot be read or is empty, and why', async () => {
  writeFileSync(join(dir, 'empty'), ' \n');
  expect((await failureOf('file:nowhere')).message).toBe('The file of reference "file:nowhere" cannot be read: ENOENT.');
  expect((await failureOf('file:.')).message).toBe('The file of reference "file:." cannot be read: EISDIR.');
  expect((await failureOf('file:empty')).message).toBe('The file of reference "file:empty" cannot be read: it is empty.');
});

it.each([DSN, `ENV:${DSN}`, `vault:${DSN}`, 's3cret-pass', ''])('does not repeat %j, which is no reference', async (text) => {
  const error = await failureOf(text);
  expect(inspect(error, { depth: 10 })).not.toContain('s3cret-pass');
  expect(error.message).toContain('"env:NAME"');
});
