import type { Command } from 'commander';
import { plural } from './render/format.js';
import { addSelectionFlags, type PlanFlags, planOptions, withoutExtension } from './shared/plan-options.js';
import { addRunFlags, type RunFlags, runRollout } from './shared/run-rollout.js';
import { runSession } from './shared/session.js';
import { verbCommand } from './shared/verb-command.js';

export function register(program: Command): void {
  const selecting = addSelectionFlags(
    verbCommand(program, 'backfill').argument('<migration>', 'an applied migration that declares a backfill'),
    ['halt', 'continue'],
  );
  addRunFlags(selecting).action((migration: string, flags: Omit<PlanFlags, 'to'> & RunFlags, command: Command) =>
    runSession(command, 'start', (session) =>
      runRollout(session, flags, {
        seen: false,
        question: (plan) =>
          `Run the backfill of ${plan.to} again in ${plural(plan.totals.pending, 'tenant')} of ${plan.fleet} in production?`,
        start: (how) => session.client.backfill(withoutExtension(migration), { ...planOptions(flags, session.config), ...how }),
      }),
    ),
  );
}
