import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { machineDrawing, tenantDrawing, withDrawing } from '../../../scripts/docs/machine-docs.js';
import { ROLLOUT_STATES } from '../../../src/domain/rollout/contract.js';
import { drawMachine, ROLLOUT_MACHINE } from '../../../src/domain/rollout/machine.js';
import { drawTenantMachine } from '../../../src/domain/tenant-machine.js';
import { fullProgram } from '../commands/full-program.js';

const page = readFileSync(new URL('../../../docs/state-machine.md', import.meta.url), 'utf8');
const stale = 'run "npm run docs"';

it('shows the drawing that the code makes', () => {
  expect(page, stale).toContain(machineDrawing());
  expect(page).toContain(`\`\`\`mermaid\n${drawMachine()}\n\`\`\``);
  expect(page, stale).toContain(tenantDrawing());
  expect(page).toContain(`\`\`\`mermaid\n${drawTenantMachine()}\n\`\`\``);
  expect(withDrawing(page), stale).toBe(page);
});

it('lists each way between two states once', () => {
  const shown = [...page.matchAll(/^\| `(\w+)` \| (.+) \| `(\w+)` \|$/gm)].map(([, from, by, to]) => [from, by, to]);
  expect(shown).toEqual(ROLLOUT_MACHINE.flatMap(({ state, moves }) => moves.map(({ by, to }) => [state, by, to])));
});

it('explains each state, in the order of the code, and no other', () => {
  expect([...page.matchAll(/^### (\w+)$/gm)].map((match) => match[1])).toEqual([...ROLLOUT_STATES]);
  for (const text of page.split(/^### \w+$/m).slice(1)) expect(text.trim().length).toBeGreaterThan(60);
});

it('names only commands and flags that there are', async () => {
  const program = await fullProgram();
  const commands = [...page.matchAll(/`flotilla ([a-z]+)([^`]*)`/g)];
  expect(commands.length).toBeGreaterThan(8);
  for (const [text, verb, rest] of commands) {
    const command = program.commands.find((it) => it.name() === verb);
    expect(command, text).toBeDefined();
    for (const [flag] of rest!.matchAll(/--[a-z-]+/g))
      expect(
        command!.options.map((it) => it.long),
        text,
      ).toContain(flag);
  }
});

it('redraws a page without touching the text around the drawing', () => {
  const old = page.replaceAll('stateDiagram-v2', 'stateDiagram-v1');
  expect(old).not.toBe(page);
  expect(withDrawing(old)).toBe(page);
  expect(() => withDrawing('# no marks')).toThrow('lost the marks');
});
