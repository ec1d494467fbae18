import type { Command } from 'commander';
import { plural } from './render/format.js';
import { addPlanFlags, type PlanFlags, planOptions } from './shared/plan-options.js';
import { addRunFlags, type RunFlags, runRollout } from './shared/run-rollout.js';
import { runSession } from './shared/session.js';
import { verbCommand } from './shared/verb-command.js';

export function register(program: Command): void {
  const planning = addPlanFlags(verbCommand(program, 'start').argument('[plan]', 'id of a frozen plan (default: plans first)'));
  addRunFlags(planning).action((planId: string | undefined, flags: PlanFlags & RunFlags, command: Command) =>
    runSession(command, 'start', (session) =>
      runRollout(session, flags, {
        seen: planId !== undefined,
        question: (plan) => `Migrate ${plural(plan.totals.pending, 'tenant')} of ${plan.fleet} in production?`,
        start: (how) =>
          session.client.start({ ...planOptions(flags, session.config), ...how, ...(planId === undefined ? {} : { planId }) }),
      }),
    ),
  );
}
