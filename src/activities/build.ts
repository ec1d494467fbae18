/** Which build a worker is: told by `hello`, and named when a worker's files are not the plan's. */

import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { ActivityDeps } from './deps.js';

const VERSION = (JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as { version: string }).version;

/** The name that was given, or 10 hex digits over the package's version and every migration file. */
export async function buildOf(deps: Pick<ActivityDeps, 'build' | 'engine'>): Promise<string> {
  if (deps.build) return deps.build;
  const { files } = await deps.engine.list();
  const hash = createHash('sha256').update(VERSION);
  for (const file of files) hash.update(`\n${file.name} ${file.closure}`);
  return hash.digest('hex').slice(0, 10);
}
