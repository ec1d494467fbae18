/** Starts one Temporal dev server per test run, and bundles the workflows once. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bundleWorkflowCode, DefaultLogger } from '@temporalio/worker';
import type { TestProject } from 'vitest/node';
import { startTemporal } from '../../src/dev/temporal-server.js';

declare module 'vitest' {
  export interface ProvidedContext {
    temporal: { address: string; codePath: string };
  }
}

/** The dev server fires timers about a second late, and limits restarts of one workflow id to one a second: not in tests. */
export const FAST = [
  'history.timerProcessorMaxTimeShift="5ms"',
  'history.workflowIdReuseMinimalInterval="0s"',
  'history.continueAsNewMinInterval="0s"',
];

export default async function setup(project: TestProject) {
  const folder = mkdtempSync(join(tmpdir(), 'flotilla-bundle-'));
  const [server, { code }] = await Promise.all([
    startTemporal({ headless: true, path: process.env.PATH ?? '', dynamicConfig: FAST }),
    bundleWorkflowCode({
      workflowsPath: fileURLToPath(new URL('../../src/workflows/index.ts', import.meta.url)),
      logger: new DefaultLogger('ERROR'),
    }),
  ]);
  const codePath = join(folder, 'workflows.cjs');
  writeFileSync(codePath, code);
  project.provide('temporal', { address: server.address, codePath });
  return async () => {
    await server.stop();
    rmSync(folder, { recursive: true, force: true });
  };
}
