import type { Command } from 'commander';
import { EXIT, exitOfError } from '../client/exit-codes.js';
import { planRefusal } from '../client/plan-refusal.js';
import { planBody } from '../client/to-documents.js';
import { renderPlan } from './render/plan.js';
import { busy } from './shared/busy.js';
import { addPlanFlags, type PlanFlags, planOptions } from './shared/plan-options.js';
import { runSession } from './shared/session.js';
import { verbCommand } from './shared/verb-command.js';

export function register(program: Command): void {
  addPlanFlags(verbCommand(program, 'plan'))
    .option('--check', 'freeze nothing; exit 7 when something is pending')
    .option('--canaries', 'list every canary')
    .action((flags: PlanFlags & { check?: boolean; canaries?: boolean }, command: Command) =>
      runSession(command, 'plan', async ({ client, config, out, ask, signal }) => {
        const plan = await busy('planning', !out.json, (onProgress) =>
          client.plan({ ...planOptions(flags, config), ...ask, signal, onProgress, check: flags.check ?? false }),
        );
        const refusal = planRefusal(plan);
        out.result('plan', planBody(plan), (style) => renderPlan(plan, style, { allCanaries: flags.canaries ?? false }), refusal);
        if (refusal) return exitOfError(refusal.code);
        return flags.check && plan.totals.pending > 0 ? EXIT.notReady : EXIT.ok;
      }),
    );
}
