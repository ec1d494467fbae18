import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { z } from 'zod';
import { BEGIN, cliReference } from '../../../scripts/docs/cli-docs.js';
import { errorDocs } from '../../../scripts/docs/error-docs.js';
import { jsonDocs } from '../../../scripts/docs/json-docs.js';
import { DOCUMENTS } from '../../../src/client/documents.js';
import { EXIT } from '../../../src/client/exit-codes.js';
import { ERROR_CODES } from '../../../src/domain/error-codes.js';
import { fleetSpec } from '../../../src/spec/fleet.js';
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

it('explains each field of the config, and no test finds one that is missing', () => {
  const fields = (schema: z.ZodType): string[] => {
    if (schema instanceof z.ZodOptional) return fields(schema.unwrap() as z.ZodType);
    if (schema instanceof z.ZodArray) return fields(schema.element as z.ZodType);
    if (schema instanceof z.ZodRecord) return fields(schema.valueType as z.ZodType);
    if (schema instanceof z.ZodUnion) return schema.options.flatMap((option) => fields(option as z.ZodType));
    if (!(schema instanceof z.ZodObject)) return [];
    return Object.entries(schema.shape).flatMap(([name, value]) => [name, ...fields(value as z.ZodType)]);
  };
  const named = new Set(fields(fleetSpec));
  expect(named.size).toBeGreaterThan(50);
  const told = page('config');
  const structural = ['kind', 'sql', 'key', 'operator', 'values', 'object', 'maxLock'];
  for (const field of named) if (!structural.includes(field)) expect(told, field).toMatch(new RegExp(`\\b${field}\\b`));
});

it('shows each exit code', () => {
  for (const code of Object.values(EXIT)) expect(page('cli')).toContain(`\n| ${code} | `);
});
