import { newestWhole, standings } from '../../control/phases.js';
import { notReady } from '../../control/readiness.js';
import { nextStep, standingOf } from '../../domain/change-standing.js';
import { FlotillaError } from '../../domain/errors.js';
import { changesOf, type FleetStanding, isContract } from '../../domain/phases.js';
import type { Finding } from '../../domain/plan.js';
import type { MigrationFile } from '../../engines/engine.js';
import type { AdminAnswers, AdminArgs, ChangeRecord } from '../../workflows/admin-messages.js';
import type { ActivityDeps } from '../deps.js';
import { checkContract, judgeTime, withWayOut } from '../judge-phases.js';
import type { AdminContext } from './answer-admin.js';
import { nextCursor } from './page.js';

/** A change is a few kilobytes. */
const MOST = 50;

/**
 * One page of the changes that this worker's files declare, oldest first: where the fleet stands with each, what blocks the next migration, and what to
 * type. As the control database knows it from the newest plan and from the rollouts since. @throws FLT_UNKNOWN_TENANT
 */
export async function readPhases(
  deps: ActivityDeps,
  { fleet }: AdminContext,
  { tenant, after = '', limit = MOST }: AdminArgs['phases'],
): Promise<AdminAnswers['phases']> {
  const { files } = await deps.engine.list();
  const size = Math.max(1, Math.min(MOST, limit));
  const page = changesOf(files)
    .filter(({ name }) => name > after)
    .slice(0, size);
  const planId = await newestWhole(deps.control, fleet);
  const stand = await standings(
    deps.control,
    { fleet },
    page.flatMap(({ migrations }) => migrations.map(({ name }) => name)),
  );
  const changes: ChangeRecord[] = [];
  for (const change of page) {
    const standing = standingOf(change, stand);
    const upNext = change.migrations.find(({ name }) => name === standing.upNext);
    const blockedBy = upNext && isContract(upNext) ? await obstacles(deps, { fleet, planId }, files, upNext, stand) : [];
    const migrations: ChangeRecord['migrations'][number][] = [];
    for (const { name, declares } of change.migrations) {
      const { has, lacks, sample } = stand.get(name)!;
      const phase = declares?.phase;
      const own = tenant === undefined ? {} : { tenantHas: await tenantHas(deps, fleet, name, tenant) };
      migrations.push({ name, ...(phase ? { phase } : {}), has, lacks, sample, ...own });
    }
    changes.push({ name: change.name, ...standing, migrations, blockedBy, next: nextStep(standing, stand, change, blockedBy) });
  }
  return { changes, ...nextCursor(changes, size, ({ name }) => name) };
}

async function obstacles(
  deps: ActivityDeps,
  { fleet, planId }: { readonly fleet: string; readonly planId: string | undefined },
  files: readonly MigrationFile[],
  contract: MigrationFile,
  stand: ReadonlyMap<string, FleetStanding>,
): Promise<readonly Finding[]> {
  const scope = { fleet, onlyPending: false, ...(planId === undefined ? {} : { planId }) };
  const found = [...judgeTime(files, contract, stand, planId !== undefined), ...(await checkContract(deps, scope, contract, stand))];
  return withWayOut(found, files).findings;
}

async function tenantHas(deps: ActivityDeps, fleet: string, migration: string, tenant: string): Promise<boolean> {
  const { known, missing } = await notReady(deps.control, fleet, migration, tenant, 0);
  if (known === 0)
    throw new FlotillaError('FLT_UNKNOWN_TENANT', `No plan and no rollout of this fleet has held a tenant "${tenant}".`, { tenant });
  return missing === 0;
}
