import { pinsOf } from '../control/holds.js';
import { unclearTenants } from '../control/rollout-tenants.js';
import { countOutside, sweepIn, sweptInto } from '../control/sweeps.js';
import { sweepWave } from '../domain/sweep.js';
import { HOST_CONCURRENCY } from '../domain/wave-plan.js';
import type { Activities } from './contract.js';
import type { ActivityDeps } from './deps.js';

/** One more wave for tenants that came, or are free to go. Safe to repeat: who is in it already stays in it. */
export const createFreezeSweep =
  (deps: ActivityDeps): Activities['freezeSweep'] =>
  async ({ fleet, planId, rolloutId, sweep, wave, scanId }) => {
    const { control } = deps;
    const summary = await deps.plans.summary(planId);
    let members = await sweptInto(control, planId, rolloutId, wave);
    if (members.length === 0) {
      const pinned = (await pinsOf(control, fleet)).map(({ tenant }) => tenant);
      const unclear = (await unclearTenants(control, fleet, scanId)).map(({ id }) => id);
      const leaveOut = [...pinned, ...unclear, ...(summary.policy.exclude ?? [])];
      await sweepIn(control, { planId, rolloutId, scanId, wave, leaveOut, migrations: summary.migrations.map(({ name }) => name) });
      members = await sweptInto(control, planId, rolloutId, wave);
    }
    const limits = (host: string) => deps.fleet.hosts[host]?.maxConcurrency ?? HOST_CONCURRENCY;
    const made = sweepWave(sweep, wave, summary.waves.at(-1)!, members, limits);
    return {
      ...(made ? { wave: made } : {}),
      outside: await countOutside(control, rolloutId),
      retaken: members.flatMap(({ id, before }) => (before === null ? [] : [{ id, wave: before }])),
    };
  };
