import { existsSync, mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { startOf, stillRuns } from '../../../src/dev/process-identity.js';
import { lockProject } from '../../../src/dev/project-lock.js';
import { localStackFile, readLocalStack } from '../../../src/spec/local-stack.js';

const project = () => {
  const dir = mkdtempSync(join(tmpdir(), 'flotilla-lock-'));
  mkdirSync(join(dir, '.flotilla'));
  return { dir, lock: join(dir, '.flotilla', 'dev.lock') };
};
const record = { pid: 1, temporal: { address: 'x', namespace: 'default' }, variables: {}, processes: [] };

it('is held once at a time, and free after release', async () => {
  const { dir, lock } = project();
  const held = await lockProject(dir);
  await expect(lockProject(dir)).rejects.toMatchObject({ code: 'FLT_DEV_RUNNING', details: { pid: process.pid } });
  held.release();
  expect(existsSync(lock)).toBe(false);
  (await lockProject(dir)).release();
});

it('goes to one of many that ask at once', async () => {
  const { dir } = project();
  const asked = await Promise.allSettled(Array.from({ length: 8 }, () => lockProject(dir)));
  expect(asked.filter((it) => it.status === 'fulfilled')).toHaveLength(1);
});

it.each([
  ['a process that is gone', JSON.stringify({ pid: 2 ** 22 - 3, startedAt: '1' })],
  ['an earlier process with the same number', JSON.stringify({ pid: process.pid, startedAt: 'long ago' })],
  ['half a file', '{"pi'],
])('is taken over from %s, and what it left is removed', async (_, text) => {
  const { dir, lock } = project();
  writeFileSync(lock, text);
  writeFileSync(localStackFile(dir), JSON.stringify(record));
  await lockProject(dir);
  expect(JSON.parse(readFileSync(lock, 'utf8'))).toEqual({ pid: process.pid, startedAt: startOf(process.pid) });
  expect(readLocalStack(dir)).toBeUndefined();
});

it('tells a running process from one that is not', () => {
  expect(stillRuns({ pid: process.pid, startedAt: startOf(process.pid) })).toBe(true);
  expect(stillRuns({ pid: process.pid, startedAt: '1' })).toBe(false);
  expect(stillRuns({ pid: 2 ** 22 - 3 })).toBe(false);
});
