import { expect, it } from 'vitest';
import { renderError, toErrorDocument } from '../../../src/commands/shared/print-error.js';
import { FlotillaError } from '../../../src/domain/errors.js';

const render = (error: unknown) => renderError(toErrorDocument(error));

it('says what, where and what to do, with the exit code', () => {
  expect(render(new FlotillaError('FLT_NO_WORKFLOW_WORKER', 'No workflow worker takes tasks from "shop".', { taskQueue: 'shop' }))).toBe(
    `FLT_NO_WORKFLOW_WORKER  No workflow worker takes tasks from "shop".
  taskQueue  shop
  do         Start one with "flotilla worker"; then repeat the command. Exit 8.
`,
  );
});

it('reads findings as sentences', () => {
  const findings = [{ severity: 'error', code: 'FLT_SCHEMA_MISSING', message: 'the schema does not exist', sample: ['a', 'b'] }];
  expect(render(new FlotillaError('FLT_SCHEMA_MISSING', 'x', { findings }))).toContain(
    '  findings   FLT_SCHEMA_MISSING: the schema does not exist (a, b)\n',
  );
});

it('does not list twice what the message lists', () => {
  const error = new FlotillaError('FLT_CONFIG_INVALID', 'it has 2 mistakes:\n  a: x\n  b: y', {
    path: '/c',
    problems: [{ path: 'a', message: 'x' }],
  });
  expect(render(error)).not.toContain('problems');
  expect(render(error)).toContain('  path       /c\n');
});

it('shows an unexpected error without its stack, as a bug', () => {
  const document = toErrorDocument(new TypeError('boom'));
  expect(document).toMatchObject({ code: 'FLT_INTERNAL', exit: 1, retryable: false });
  expect(renderError(document)).not.toMatch(/\n\s+at /);
});

it.each([
  ['FLT_NO_WORKFLOW_WORKER', true],
  ['FLT_ROLLOUT_OPEN', false],
] as const)('%s is retryable: %s', (code, retryable) => expect(toErrorDocument(new FlotillaError(code, 'x')).retryable).toBe(retryable));
