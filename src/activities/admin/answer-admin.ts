import { FlotillaError } from '../../domain/errors.js';
import type { TendVerb } from '../../domain/tend.js';
import type { AdminAnswers, AdminArgs } from '../../workflows/admin-messages.js';
import type { AdminVerb, Ask } from '../../workflows/messages.js';
import { createReadBackfills } from '../backfill-progress.js';
import { buildOf } from '../build.js';
import type { Activities } from '../contract.js';
import type { ActivityDeps } from '../deps.js';
import { checkControl } from './check-control.js';
import { checkFiles } from './check-files.js';
import { holdFleet } from './hold-fleet.js';
import { pinTenants, unpinTenants } from './hold-tenants.js';
import { planRollback } from './plan-rollback.js';
import { readPhases } from './read-phases.js';
import { readReady } from './read-ready.js';
import { readAudit, readHistory, readRollout } from './read-rollouts.js';
import { readTenant } from './read-tenant.js';
import { readTenants } from './read-tenants.js';
import { reportAppVersion } from './report-app-version.js';
import { steerParked } from './steer-parked.js';

/** Who asks, and for which fleet. */
export interface AdminContext extends Ask {
  readonly fleet: string;
}

/** Verbs that one activity answers; the others are stories of their own in `workflows/`. */
type Answered = Exclude<AdminVerb, 'repair' | 'migrate' | 'previewRollback' | TendVerb>;

type Answerers = { readonly [V in Answered]: (deps: ActivityDeps, context: AdminContext, args: AdminArgs[V]) => Promise<AdminAnswers[V]> };

const ANSWERERS: Answerers = {
  hello: async (deps) => ({ build: await buildOf(deps), pid: process.pid }),
  history: readHistory,
  audit: readAudit,
  tenants: readTenants,
  ready: readReady,
  doctor: checkControl,
  findRollout: async (deps, context, { requestId }) => ({ rollout: await readRollout(deps, context, { requestId }) }),
  rollout: async (deps, context, { rolloutId }) => ({
    rollout: await readRollout(deps, context, rolloutId === undefined ? {} : { rolloutId }),
  }),
  tenant: readTenant,
  retry: (deps, context, args) => steerParked(deps, context, 'retry', args),
  skip: (deps, context, args) => steerParked(deps, context, 'skip', args),
  checkFiles,
  planRollback,
  rollback: (deps, context, args) => steerParked(deps, context, 'rollback', args),
  freeze: holdFleet,
  pin: pinTenants,
  unpin: unpinTenants,
  reportAppVersion,
  phases: readPhases,
  backfills: async (deps, _, of) => ({ backfills: await createReadBackfills(deps)(of) }),
};

/** Answers one verb that is no message to an open rollout. Reads are safe to repeat; signals carry the request id, which makes them so. */
export const createAnswerAdmin =
  (deps: ActivityDeps): Activities['answerAdmin'] =>
  async ({ verb, args, fleet, actor, reason, requestId }) => {
    if (!Object.hasOwn(ANSWERERS, verb)) throw new FlotillaError('FLT_USAGE', `There is no verb "${verb}".`, {});
    if (fleet !== deps.fleet.name)
      throw new FlotillaError('FLT_USAGE', `This worker serves the fleet "${deps.fleet.name}", not "${fleet}".`, { fleet });
    const answer = ANSWERERS[verb as Answered] as (deps: ActivityDeps, context: AdminContext, args: unknown) => Promise<unknown>;
    return answer(deps, { fleet, actor, requestId, ...(reason === undefined ? {} : { reason }) }, args);
  };
