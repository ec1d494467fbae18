/** Starts one Postgres server per test run. */
import type { TestProject } from 'vitest/node';
import { withoutExitHooks } from '../../src/dev/exit-hooks.js';

declare module 'vitest' {
  export interface ProvidedContext {
    postgres: { url: string };
  }
}

export default async function setup(project: TestProject) {
  // With the package's hooks a run with failed tests would end with exit code 0
  const { startPostgres } = await withoutExitHooks(() => import('../../src/dev/embedded-postgres.js'));
  const server = await startPostgres();
  project.provide('postgres', { url: server.url });
  return () => server.stop();
}
