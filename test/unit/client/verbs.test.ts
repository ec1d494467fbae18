import { existsSync } from 'node:fs';
import { expect, it } from 'vitest';
import { FlotillaClient } from '../../../src/client/flotilla-client.js';
import { VERBS, type Verb } from '../../../src/client/verbs.js';
import { ADMIN_VERBS, ROLLOUT_UPDATES } from '../../../src/workflows/messages.js';
import { fullProgram } from '../commands/full-program.js';

const verbs: readonly Verb[] = VERBS;

it('gives each verb a module of its own and each module a verb', () => {
  for (const { name } of verbs) expect(existsSync(new URL(`../../../src/commands/${name}.ts`, import.meta.url)), name).toBe(true);
});

it('registers each verb under the name and summary of the table', async () => {
  const program = await fullProgram();
  expect(program.commands.map((command) => command.name())).toEqual(verbs.map((verb) => verb.name));
  for (const verb of verbs)
    expect(program.commands.find((command) => command.name() === verb.name)?.description(), verb.name).toBe(verb.summary);
});

it('offers each verb that is not local as a method of the client', () => {
  for (const verb of verbs) {
    if (verb.via === 'local') expect(verb.client, verb.name).toBeUndefined();
    else expect(typeof FlotillaClient.prototype[verb.client as keyof FlotillaClient], verb.name).toBe('function');
  }
});

it('has no method of the client that is neither a verb nor listed here', () => {
  const others = ['constructor', 'close', 'fleet', 'isReady', 'previewRollback', 'reportAppVersion', 'rolloutTenants', 'tenantStatus'];
  const methods = Object.getOwnPropertyNames(FlotillaClient.prototype).filter((name) => !others.includes(name));
  expect(methods.sort()).toEqual(verbs.flatMap((verb) => verb.client ?? []).sort());
});

it('steers by exactly the updates that the rollout takes', () => {
  expect(
    verbs
      .filter((verb) => verb.via === 'update')
      .map((verb) => verb.name)
      .sort(),
  ).toEqual([...ROLLOUT_UPDATES].sort());
});

it('reads by admin verbs that the workers answer', () => {
  for (const verb of verbs.filter((it) => it.via === 'admin')) expect(ADMIN_VERBS, verb.name).toContain(verb.name);
});
