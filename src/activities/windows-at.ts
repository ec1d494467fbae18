import { lookAt } from '../domain/windows.js';
import type { Activities } from './contract.js';
import type { ActivityDeps } from './deps.js';

/** Reads the clock for a wave: workflows know no time zones. Safe to repeat. */
export const createWindowsAt =
  (deps: ActivityDeps): Activities['windowsAt'] =>
  async ({ planId, keys }) => {
    const { policy } = await deps.plans.summary(planId);
    const of = (key: string) => key.split(',').flatMap((index) => policy.windows[Number(index)] ?? []);
    return Object.fromEntries(keys.map((key) => [key, lookAt(of(key), Date.now())]));
  };
