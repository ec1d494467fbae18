/** The plan of a rollout that takes a closed one back: the tenants that the old one moved, in its waves. */

import { FlotillaError } from './errors.js';
import type { PlannedMigration, PlannedWave, RolloutPolicy } from './plan.js';

/** Tenants that one wave of the old rollout moved, by the host where they live now. */
export interface MovedGroup {
  readonly wave: number;
  readonly host: string;
  readonly cell: string;
  readonly tenants: number;
  /** The host's own `maxConcurrency`. */
  readonly limit: number;
}

/**
 * Waves that moved nobody are left out, and those after them move up.
 * @param planned the old plan's waves @param nameOf also of its sweeps, which no plan knew of
 * @returns the waves, and the new index of each old one
 */
export function rollbackWaves(
  planned: readonly PlannedWave[],
  nameOf: (wave: number) => string | undefined,
  moved: readonly MovedGroup[],
): { readonly waves: readonly PlannedWave[]; readonly waveOf: ReadonlyMap<number, number> } {
  const old = [...new Set(moved.map(({ wave }) => wave))].sort((a, b) => a - b);
  const waves = old.map((wave, index): PlannedWave => {
    const like = planned[wave] ?? planned.at(-1);
    const widest = Math.max(1, ...(like?.hosts ?? []).map(({ window }) => window));
    const groups = moved.filter((group) => group.wave === wave);
    const tenants = groups.reduce((n, group) => n + group.tenants, 0);
    return {
      index,
      name: nameOf(wave) ?? planned[wave]?.name ?? `wave-${wave + 1}`,
      canary: false,
      tenants,
      hosts: groups.map(({ host, cell, tenants: on, limit }) => ({
        host,
        cell,
        tenants: on,
        window: Math.min(limit, like?.hosts.find((it) => it.host === host)?.window ?? widest),
        limit,
      })),
      canaries: [],
      maxFailures: tenants, // a tenant that cannot be returned does not stop the others
      maxConcurrency: like?.maxConcurrency ?? widest,
      worstCaseFailures: tenants,
      bakeMs: 0,
      approval: false,
    };
  });
  return { waves, waveOf: new Map(old.map((wave, index) => [wave, index])) };
}

/** What goes forward has gates, windows and a budget; what goes back has none. */
export function rollbackPolicy({ maxFailures: _, sameError: __, ...policy }: RolloutPolicy): RolloutPolicy {
  return { ...policy, onBreach: 'continue', onGateFail: 'halt', finalBakeMs: 0, gates: [], windows: [], membership: 'snapshot' };
}

/** Those that a rollback takes back: all, or what came after the one that stays. */
export function takenBack<M extends Pick<PlannedMigration, 'name'>>(migrations: readonly M[], to: string | undefined): readonly M[] {
  return to === undefined ? migrations : migrations.slice(migrations.findIndex(({ name }) => name === to) + 1);
}

/** @throws FLT_UNKNOWN_MIGRATION, FLT_REFUSED: nothing lies above it */
export function refuseTo(migrations: readonly Pick<PlannedMigration, 'name'>[], to: string): void {
  if (!migrations.some(({ name }) => name === to))
    throw new FlotillaError(
      'FLT_UNKNOWN_MIGRATION',
      `"${to}" is none of this rollout's migrations: ${migrations.map(({ name }) => name).join(', ')}.`,
      { migration: to },
    );
  if (migrations.at(-1)?.name === to)
    throw new FlotillaError('FLT_REFUSED', `"${to}" is the newest: nothing would be taken back.`, { migration: to });
}
