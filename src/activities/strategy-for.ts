import { FlotillaError } from '../domain/errors.js';
import { type ResolvedStrategy, resolveStrategy } from '../domain/resolve-strategy.js';
import type { PlanInput } from '../workflows/messages.js';
import type { ActivityDeps } from './deps.js';

/** The strategy that was asked for, or the config's, for so many pending tenants. @throws FLT_USAGE */
export function strategyFor(deps: ActivityDeps, input: Pick<PlanInput, 'strategy' | 'onBreach'>, pending: number): ResolvedStrategy {
  const name = input.strategy ?? deps.fleet.strategy;
  try {
    return resolveStrategy({
      ...(name === undefined ? {} : { name }),
      ...(deps.fleet.strategies === undefined ? {} : { strategies: deps.fleet.strategies }),
      ...(input.onBreach === undefined ? {} : { onBreach: input.onBreach }),
      pending,
      noBake: deps.noBake,
    });
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new FlotillaError('FLT_USAGE', `The worker's config has no strategy "${name}".`, { strategy: name });
  }
}
