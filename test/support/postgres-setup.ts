/** Starts one Postgres server per test run. */
import type { TestProject } from 'vitest/node';
import { startPostgres } from '../../src/dev/embedded-postgres.js';

declare module 'vitest' {
  export interface ProvidedContext {
    postgres: { url: string };
  }
}

export default async function setup(project: TestProject) {
  const server = await startPostgres();
  project.provide('postgres', { url: server.url });
  return () => server.stop();
}
