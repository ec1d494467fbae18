/** Keeps the rollout's record: its state, its audit trail, its tenants as they are settled without being touched. */

import { recordEvents } from '../control/events.js';
import { forgetOldScans } from '../control/plans.js';
import { cancelLeftovers, markTenants, skipLeftovers } from '../control/rollout-tenants.js';
import { finishRollout, updateRollout } from '../control/rollouts.js';
import type { Activities } from './contract.js';
import type { ActivityDeps } from './deps.js';

export const createRecordRollout =
  (deps: ActivityDeps): Activities['recordRollout'] =>
  async ({ fleet, rolloutId, state, events, progress }) => {
    await recordEvents(deps.control, fleet, rolloutId, events);
    await updateRollout(deps.control, rolloutId, state, progress);
  };

export const createCloseRollout =
  (deps: ActivityDeps): Activities['closeRollout'] =>
  async ({ fleet, rolloutId, finalState, progress }) => {
    const skipped = progress.waves.filter((wave) => wave.state === 'skipped').map((wave) => wave.index);
    await skipLeftovers(deps.control, rolloutId, skipped);
    await cancelLeftovers(deps.control, rolloutId);
    await finishRollout(deps.control, rolloutId, finalState, progress);
    await forgetOldScans(deps.control, fleet);
  };

export const createMarkTenants =
  (deps: ActivityDeps): Activities['markTenants'] =>
  ({ rolloutId, tenants, state, code, reason }) =>
    markTenants(deps.control, rolloutId, tenants, state, code, reason);
