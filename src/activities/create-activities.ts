/** Puts the activities together. `control` is served on the fleet's own queue, `tenant` on the queue of each cell. */

import { createAnswerAdmin } from './admin/answer-admin.js';
import { createAwaitHost } from './await-host.js';
import { createReadBackfills } from './backfill-progress.js';
import { createCancelBackends } from './cancel-backends.js';
import { createCheckHosts } from './check-hosts.js';
import type { Activities } from './contract.js';
import type { ActivityDeps } from './deps.js';
import { createDiscoverTenants } from './discover-tenants.js';
import { createFreezePlan } from './freeze-plan.js';
import { createFreezeSweep } from './freeze-sweep.js';
import { createHello } from './hello.js';
import { createJudgeRollback } from './judge-rollback.js';
import { createCloseRollout, createMarkTenants, createRecordRollout } from './keep-records.js';
import { createLoadTenants } from './load-tenants.js';
import { createMigrateTenants } from './migrate-tenants.js';
import { createNotify } from './notify.js';
import { createBeginMigrate, createEndMigrate } from './on-demand.js';
import { createOpenRollout } from './open-rollout.js';
import { createDismissTenants, createFindParked, createParkTenants, createSettleClosed, createSignalTenants } from './parked-tenants.js';
import { createPreviewRollback, createScopeRollback } from './preview-rollback.js';
import { createScanTenants } from './scan-tenants.js';
import { createSteerRollout } from './steer-rollout.js';
import { createSubstituteCanaries } from './substitute-canaries.js';
import { createAcceptChecksum } from './tend/accept-checksum.js';
import { createBeginTending } from './tend/begin-tending.js';
import { createConcludeRefresh } from './tend/conclude-refresh.js';
import { createEndTending } from './tend/end-tending.js';
import { createOpenTending } from './tend/open-tending.js';
import { createTendTenants } from './tend/tend-tenants.js';
import { translated } from './to-failure.js';
import { createVerifyWave } from './verify-wave.js';
import { createWatchGates } from './watch-gates.js';
import { createWindowsAt } from './windows-at.js';

type TenantActivity =
  | 'hello'
  | 'discoverTenants'
  | 'scanTenants'
  | 'migrateTenants'
  | 'awaitHost'
  | 'verifyWave'
  | 'watchGates'
  | 'cancelBackends'
  | 'previewRollback'
  | 'tendTenants'
  | 'checkHosts';

export type TenantActivities = Pick<Activities, TenantActivity>;
export type ControlActivities = Omit<Activities, Exclude<TenantActivity, 'hello'>>;

/** Somebody waits for the answer of these. */
const impatient = { impatient: true } as const;

export function createControlActivities(deps: ActivityDeps): ControlActivities {
  return {
    hello: translated(createHello(deps), impatient),
    freezePlan: translated(createFreezePlan(deps), impatient),
    openRollout: translated(createOpenRollout(deps), impatient),
    loadTenants: translated(createLoadTenants(deps)),
    windowsAt: translated(createWindowsAt(deps)),
    substituteCanaries: translated(createSubstituteCanaries(deps)),
    freezeSweep: translated(createFreezeSweep(deps)),
    notify: translated(createNotify(deps)),
    readBackfills: translated(createReadBackfills(deps)),
    steerRollout: translated(createSteerRollout(deps), impatient),
    judgeRollback: translated(createJudgeRollback(deps)),
    scopeRollback: translated(createScopeRollback(deps), impatient),
    parkTenants: translated(createParkTenants(deps)),
    dismissTenants: translated(createDismissTenants(deps)),
    settleClosed: translated(createSettleClosed(deps)),
    findParked: translated(createFindParked(deps)),
    signalTenants: translated(createSignalTenants(deps)),
    markTenants: translated(createMarkTenants(deps)),
    recordRollout: translated(createRecordRollout(deps)),
    closeRollout: translated(createCloseRollout(deps)),
    openTending: translated(createOpenTending(deps), impatient),
    beginTending: translated(createBeginTending(deps), impatient),
    concludeRefresh: translated(createConcludeRefresh(deps), impatient),
    acceptChecksum: translated(createAcceptChecksum(deps), impatient),
    endTending: translated(createEndTending(deps), impatient),
    beginMigrate: translated(createBeginMigrate(deps), impatient),
    endMigrate: translated(createEndMigrate(deps)),
    answerAdmin: translated(createAnswerAdmin(deps), impatient),
  };
}

export function createTenantActivities(deps: ActivityDeps): TenantActivities {
  return {
    hello: translated(createHello(deps), impatient),
    discoverTenants: translated(createDiscoverTenants(deps), impatient),
    scanTenants: translated(createScanTenants(deps), impatient),
    migrateTenants: translated(createMigrateTenants(deps)),
    awaitHost: translated(createAwaitHost(deps)),
    verifyWave: translated(createVerifyWave(deps)),
    watchGates: translated(createWatchGates(deps)),
    cancelBackends: translated(createCancelBackends(deps)),
    previewRollback: translated(createPreviewRollback(deps), impatient),
    tendTenants: translated(createTendTenants(deps)),
    checkHosts: translated(createCheckHosts(deps), impatient),
  };
}

/** All of them, as the workflows see them. */
export const createActivities = (deps: ActivityDeps): Activities => ({ ...createControlActivities(deps), ...createTenantActivities(deps) });
