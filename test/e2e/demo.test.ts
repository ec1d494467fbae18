import { execa } from 'execa';
import { expect, it } from 'vitest';
import { until } from '../support/until.js';

const demo = (...args: string[]) => execa('node', ['dist/dev/demo.js', ...args], { reject: false, stdin: 'ignore' });
/** Processes that belong to the demo with this process id, by the folder that their command lines name. */
const left = async (folder: string) => (await execa('ps', ['-eo', 'args'])).stdout.split('\n').filter((line) => line.includes(folder));

it('shows three rollouts and ends by itself with a summary of what was read back from the tenants', async () => {
  const { exitCode, stdout, stderr } = await demo();
  expect(exitCode, stdout + stderr).toBe(0);
  expect(stdout).toMatch(/exit 9: 299 applied, \w+ parked/);
  expect(stdout).toContain('300 of 300 tenants have table');
  expect(stdout).toContain('exit 0: nothing to do');
  expect(stdout).toMatch(/exit 5: \d+ failed/);
  expect(stdout).toMatch(/demo finished: [\d.]+ s from stack ready/);
});

it('leaves nothing behind when it is interrupted', async () => {
  const running = demo('--keep');
  let text = '';
  running.stdout!.on('data', (chunk) => {
    text += chunk;
  });
  await until(async () => text.includes('stack ready'), 'the stack');
  const folder = (await execa('ps', ['-eo', 'args'])).stdout.match(/-D (\S*flotilla-demo-\w+)/)![1]!;
  expect(await left(folder)).not.toEqual([]);
  running.kill('SIGINT');
  expect((await running).exitCode).toBe(130);
  await until(async () => (await left(folder)).length === 0, 'every process of the demo to end');
});
