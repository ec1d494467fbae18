import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { SCAN_FINDINGS } from '../../../src/activities/scan-findings.js';
import { VERBS } from '../../../src/client/verbs.js';
import { fullProgram } from '../commands/full-program.js';

const page = readFileSync(new URL('../../../docs/history.md', import.meta.url), 'utf8');
/** As GitHub makes them of headings. */
const anchors = [...page.matchAll(/^#+ (.+)$/gm)].map(([, heading]) =>
  heading!
    .toLowerCase()
    .replace(/[^\w -]/g, '')
    .replaceAll(' ', '-'),
);

it('explains each finding of a scan with its severity, and no other', () => {
  const shown = [...page.matchAll(/^\| \[`(FLT_\w+)`\]\(#[\w-]+\) \| (\w+) \|/gm)].map(([, code, severity]) => `${code} ${severity}`);
  // A tenant without a schema has no history to speak of
  const found = SCAN_FINDINGS.filter(({ code }) => code !== 'FLT_SCHEMA_MISSING').map(({ code, severity }) => `${code} ${severity}`);
  expect(shown.sort()).toEqual(found.sort());
});

it('has a section with an example for each verb that puts histories right', () => {
  for (const { name } of VERBS.filter((verb) => verb.group === 'Put right')) {
    expect(page).toContain(`\n### ${name}\n`);
    expect(page, name).toMatch(new RegExp(`\n\`\`\`sh\nflotilla ${name} `));
  }
});

it('links only to sections that it has', () => {
  for (const [, anchor] of page.matchAll(/\]\(#([\w-]+)\)/g)) expect(anchors, anchor).toContain(anchor);
});

it('names only commands and flags that there are', async () => {
  const program = await fullProgram();
  const commands = [...page.matchAll(/(?:`|^)flotilla\s+([a-z]+)([^`\n#]*)/gm)];
  expect(commands.length).toBeGreaterThan(8);
  for (const [text, verb, rest] of commands) {
    const command = program.commands.find((it) => it.name() === verb);
    expect(command, text).toBeDefined();
    const flags = [...command!.options, ...program.options].map((it) => it.long);
    for (const [flag] of rest!.matchAll(/--[a-z-]+/g)) expect(flags, text).toContain(flag);
  }
});
