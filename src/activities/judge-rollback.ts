import { deltasOf } from '../control/deltas.js';
import { takenBack } from '../domain/rollback-plan.js';
import { refusal } from '../postgres/revert.js';
import type { Activities } from './contract.js';
import type { ActivityDeps } from './deps.js';

/**
 * Rule 1 of a rollback, over the migrations that the plan's tenants have run: each has left a delta. One that no tenant has run is nothing
 * to take back. Reads only.
 */
export const createJudgeRollback =
  (deps: ActivityDeps): Activities['judgeRollback'] =>
  async ({ planId, to }) => {
    const { migrations } = await deps.plans.summary(planId);
    const recorded = await deltasOf(deps.control, planId);
    return {
      refused: takenBack(migrations, to).flatMap((migration) => {
        const deltas = recorded.get(migration.name);
        if (!deltas) return [];
        const refused = refusal(migration, deltas.values().next().value);
        return refused ? [{ migration: migration.name, ...refused }] : [];
      }),
    };
  };
