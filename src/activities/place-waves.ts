import { createHash } from 'node:crypto';
import { numberWaves, pendingPages, placeTenants, setStates, sizeMarks } from '../control/plan-tenants.js';
import { canonicalJson } from '../domain/canonical-json.js';
import { type WavePlan, WavePlanner, type WavePlanRequest } from '../domain/wave-plan.js';
import type { ActivityDeps } from './deps.js';

export interface PlacedWaves extends WavePlan {
  /** SHA-256 over who goes where. */
  readonly placement: string;
}

/**
 * Puts every pending tenant of a plan into its wave, in pages: what is held in memory does not grow with the fleet. Safe to repeat.
 * @param ignore tenants that no wave selects are left out instead of being reported
 */
export async function placeWaves({ control }: ActivityDeps, request: WavePlanRequest, ignore: boolean): Promise<PlacedWaves> {
  const { planId } = request;
  const sizes = await sizeMarks(control, planId);
  const planner = new WavePlanner({ ...request, ...(sizes ? { sizes } : {}) });
  for await (const page of pendingPages(control, planId)) planner.see(page);
  planner.choose();
  const hash = createHash('sha256');
  for await (const page of pendingPages(control, planId)) {
    const { placed, unmatched } = planner.place(page);
    hash.update(canonicalJson(placed));
    await placeTenants(control, planId, placed);
    if (ignore) await setStates(control, planId, unmatched, 'skipped', 'no wave selects it');
  }
  const waves = planner.finish();
  await numberWaves(control, planId, waves.waveOf);
  return { ...waves, placement: hash.digest('hex') };
}
