import { countMoved, movedOn } from '../control/moved-tenants.js';
import { rolloutById } from '../control/rollouts.js';
import { FlotillaError } from '../domain/errors.js';
import type { PlannedMigration } from '../domain/plan.js';
import { refuseTo } from '../domain/rollback-plan.js';
import { groupAnswers, type PreviewGroup } from '../domain/rollback-preview.js';
import type { TenantRef } from '../domain/tenant.js';
import type { Delta } from '../postgres/contract.js';
import { foreseeRevert } from '../postgres/foresee-revert.js';
import { classify } from '../postgres/sqlstate.js';
import { DEFAULT_CELL } from '../spec/cells.js';
import { rolloutToTakeBack, waveNamed } from './admin/plan-rollback.js';
import type { Activities } from './contract.js';
import type { ActivityDeps } from './deps.js';
import { heartbeating } from './heartbeat.js';
import { createJudgeRollback } from './judge-rollback.js';

/** Tenants looked at on each host, and for how long in each cell: a preview is not worth more. */
const MOST_LOOKED_AT = 500;
const LOOKS_FOR_MS = 60_000;

/** Rule 1, and whom a rollback is about. Reads the control database alone. @throws FLT_ROLLOUT_NOT_FOUND, FLT_UNKNOWN_MIGRATION, FLT_REFUSED */
export const createScopeRollback =
  (deps: ActivityDeps): Activities['scopeRollback'] =>
  async ({ fleet, rolloutId, to, tenants, wave }) => {
    const old = await rolloutToTakeBack(deps, fleet, rolloutId);
    if (to !== undefined) refuseTo(old.summary.migrations, to);
    const filter = { ...(tenants?.length ? { tenants } : {}), ...(wave === undefined ? {} : { wave: waveNamed(old, wave) }) };
    const moved = await countMoved(deps.control, rolloutId, filter, false);
    const { refused } = await createJudgeRollback(deps)({ planId: old.row.planId, rolloutId, ...(to === undefined ? {} : { to }) });
    return {
      refused,
      planId: old.row.planId,
      ...(filter.wave === undefined ? {} : { wave: filter.wave }),
      tenants: moved.reduce((n, group) => n + group.tenants, 0),
      cells: [...new Set(moved.map(({ host }) => cellOf(deps, host)))].sort(),
    };
  };

/** Reads the ledgers and tables of the tenants of one cell, so many on each host, newest wave first. Changes no tenant. */
export const createPreviewRollback =
  (deps: ActivityDeps): Activities['previewRollback'] =>
  async ({ fleet, rolloutId, planId, cell, to, tenants, wave }) => {
    if ((await rolloutById(deps.control, fleet, rolloutId)) === undefined)
      throw new FlotillaError('FLT_ROLLOUT_NOT_FOUND', `This fleet has no rollout ${rolloutId}.`, { rolloutId });
    const { migrations } = await deps.plans.summary(planId);
    const deltas = await deps.plans.deltas(planId);
    const filter = { ...(tenants?.length ? { tenants } : {}), ...(wave === undefined ? {} : { wave }) };
    const hosts = (await countMoved(deps.control, rolloutId, filter, false)).map(({ host }) => host);
    const answers: PreviewGroup[] = [];
    const end = Date.now() + LOOKS_FOR_MS;
    return heartbeating(
      () => ({ step: 'looking at what a rollback would do', n: String(answers.length) }),
      async () => {
        for (const host of new Set(hosts.filter((it) => cellOf(deps, it) === cell)))
          for (const tenant of await movedOn(deps.control, rolloutId, filter, host, MOST_LOOKED_AT)) {
            if (Date.now() > end) break;
            const answer = await foresee(deps, tenant, { migrations, deltas, rolloutId, ...(to === undefined ? {} : { to }) });
            answers.push({ ...answer, tenants: 1, sample: [tenant.id] });
          }
        return { lookedAt: answers.length, ...groupAnswers(answers) };
      },
    );
  };

const cellOf = ({ fleet }: ActivityDeps, host: string): string => fleet.hosts[host]?.cell ?? DEFAULT_CELL;

async function foresee(
  deps: ActivityDeps,
  tenant: TenantRef,
  of: {
    readonly migrations: readonly PlannedMigration[];
    readonly deltas: ReadonlyMap<string, Delta>;
    readonly rolloutId: string;
    readonly to?: string;
  },
): Promise<Omit<PreviewGroup, 'tenants' | 'sample'>> {
  try {
    const { names } = deps;
    return await deps.hosts.withTenant(tenant, (session) => foreseeRevert(session, { tenant, names, ...of }));
  } catch (error) {
    const code = error instanceof FlotillaError ? error.code : classify(error)?.code;
    if (!code) throw error;
    return { reverts: [], refused: { migration: '', code, why: 'the tenant could not be read' } };
  }
}
