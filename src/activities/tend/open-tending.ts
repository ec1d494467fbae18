import { createHash } from 'node:crypto';
import { WorkflowNotFoundError } from '@temporalio/common';
import { FlotillaError } from '../../domain/errors.js';
import { workflowIds } from '../../domain/ids.js';
import type { FileProblem, MigrationFile } from '../../engines/engine.js';
import { withoutExtension } from '../../postgres/ledger.js';
import type { Activities } from '../contract.js';
import type { ActivityDeps } from '../deps.js';

/** Before anybody looks at a tenant: refuses what cannot be asked for, and says which migration is meant. Changes nothing. */
export const createOpenTending =
  (deps: ActivityDeps): Activities['openTending'] =>
  async ({ fleet, verb, migration }) => {
    if (fleet !== deps.fleet.name)
      throw new FlotillaError('FLT_USAGE', `This worker serves the fleet "${deps.fleet.name}", not "${fleet}".`, { fleet });
    if (verb === 'eject' || verb === 'refresh') await refuseWhileOpen(deps, fleet);
    if (verb === 'validate') return migration === undefined ? {} : { migration: await checkedMigration(deps, migration) };
    if (verb !== 'baseline' && verb !== 'repair') return {};
    const { files, problems } = await deps.engine.list();
    const upTo = filesUpTo(files, knownMigration(migration ?? files.at(-1)?.name, files, problems));
    return { migration: upTo.at(-1)!.name, digest: digestOf(upTo) };
  };

/** The migration whose checks are meant. @throws FLT_UNKNOWN_MIGRATION, FLT_MIGRATION_INVALID, FLT_USAGE when it declares none */
async function checkedMigration(deps: ActivityDeps, migration: string): Promise<string> {
  const { files, problems } = await deps.engine.list();
  const { name, declares } = knownMigration(migration, files, problems);
  if (!declares?.validate) throw new FlotillaError('FLT_USAGE', `${name} declares no checks.`, { migration: name });
  return name;
}

/** The file that is meant. @throws FLT_UNKNOWN_MIGRATION, FLT_MIGRATION_INVALID */
export function knownMigration(name: string | undefined, files: readonly MigrationFile[], problems: readonly FileProblem[]): MigrationFile {
  if (name === undefined) throw new FlotillaError('FLT_UNKNOWN_MIGRATION', 'This worker has no migration at all.');
  const migration = withoutExtension(name);
  const file = files.find((it) => it.name === migration);
  if (file) return file;
  const problem = problems.find((it) => it.file.startsWith(`${migration}.`));
  if (problem) throw new FlotillaError('FLT_MIGRATION_INVALID', `${problem.file}: ${problem.message}`, { migration });
  throw new FlotillaError('FLT_UNKNOWN_MIGRATION', `There is no migration "${migration}".`, { migration });
}

export const filesUpTo = (files: readonly MigrationFile[], last: MigrationFile): readonly MigrationFile[] =>
  files.filter((file) => file.name <= last.name);

/** Tells whether two workers mean the same files. */
export function digestOf(files: readonly MigrationFile[]): string {
  const hash = createHash('sha256');
  for (const { fileName, checksum } of files) hash.update(`${fileName}\n${checksum}\n`);
  return hash.digest('hex');
}

/** @throws FLT_ROLLOUT_OPEN */
async function refuseWhileOpen(deps: ActivityDeps, fleet: string): Promise<void> {
  try {
    const { status, memo } = await deps.temporal.workflow.getHandle(workflowIds.rollout(fleet)).describe();
    if (status.name !== 'RUNNING' && status.name !== 'PAUSED') return;
    const rolloutId = String(memo?.rolloutId ?? '');
    throw new FlotillaError('FLT_ROLLOUT_OPEN', `Rollout ${rolloutId} is open.`, { rolloutId });
  } catch (error) {
    if (!(error instanceof WorkflowNotFoundError)) throw error;
  }
}
