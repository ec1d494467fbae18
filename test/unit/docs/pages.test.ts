import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { BEGIN, cliReference } from '../../../scripts/docs/cli-docs.js';
import { errorDocs } from '../../../scripts/docs/error-docs.js';
import { jsonDocs } from '../../../scripts/docs/json-docs.js';
import { DOCUMENTS } from '../../../src/client/documents.js';
import { EXIT } from '../../../src/client/exit-codes.js';
import { ERROR_CODES } from '../../../src/domain/error-codes.js';
import { fullProgram } from '../commands/full-program.js';

const page = (name: string) => readFileSync(new URL(`../../../docs/${name}.md`, import.meta.url), 'utf8');
const stale = 'run "npm run docs"';

it('shows each error code, and no other', () => {
  const shown = [...page('errors').matchAll(/^\| `(FLT_\w+)` \|/gm)].map((match) => match[1]);
  expect(shown.sort()).toEqual(Object.keys(ERROR_CODES).sort());
  expect(page('errors'), stale).toBe(errorDocs());
});

it('shows the schema of each JSON document', () => {
  for (const kind of Object.keys(DOCUMENTS)) expect(page('json')).toContain(`\n## ${kind}\n`);
  expect(page('json'), stale).toBe(jsonDocs());
});

it('shows each verb with its flags', async () => {
  const text = page('cli');
  expect(text.slice(text.indexOf(BEGIN)), stale).toBe(cliReference(await fullProgram()));
});

it('shows each exit code', () => {
  for (const code of Object.values(EXIT)) expect(page('cli')).toContain(`\n| ${code} | `);
});
