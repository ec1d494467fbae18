import type { Command } from 'commander';
import { EXIT, exitOfError } from '../client/exit-codes.js';
import { planRefusal } from '../client/plan-refusal.js';
import { findings } from '../client/to-documents.js';
import { plural } from './render/format.js';
import { renderFindings } from './render/plan.js';
import { renderTenantTable } from './render/rollout.js';
import { busy } from './shared/busy.js';
import { collect, integerFlag } from './shared/plan-options.js';
import { runSession } from './shared/session.js';
import { verbCommand } from './shared/verb-command.js';

const SHOWN = 40;

interface TenantsFlags {
  readonly tenant?: readonly string[];
  readonly selector?: string;
  readonly limit?: number;
}

export function register(program: Command): void {
  verbCommand(program, 'tenants')
    .option('--tenant <id>', 'only this tenant; may be repeated', collect)
    .option('--selector <labels>', 'only tenants whose labels match')
    .option('--limit <n>', `at most this many (default: ${SHOWN} on a terminal, else all)`, integerFlag)
    .action((flags: TenantsFlags, command: Command) =>
      runSession(command, 'tenants', async ({ client, out, signal }) => {
        const limit = flags.limit ?? (out.json || !process.stdout.isTTY ? undefined : SHOWN);
        const { scan, tenants } = await busy('looking at the tenants', !out.json, (onProgress) =>
          client.tenants({
            signal,
            onProgress,
            ...(flags.tenant ? { tenants: flags.tenant } : {}),
            ...(flags.selector ? { selector: flags.selector } : {}),
            ...(limit === undefined ? {} : { limit }),
          }),
        );
        const refusal = planRefusal(scan);
        out.result(
          'tenants',
          { totals: scan.totals, findings: findings(scan), tenants: [...tenants] },
          (style) => {
            const more = scan.totals.tenants - tenants.length;
            const { totals } = scan;
            return [
              `${plural(totals.tenants, 'tenant')} on ${plural(scan.hosts, 'host')}: ${totals.upToDate} up to date, ${totals.pending} pending`,
              ...(tenants.length ? [renderTenantTable(tenants, style)] : []),
              ...(more > 0 ? [style.colors.dim(`… ${more} more: --limit ${totals.tenants}`)] : []),
              ...(scan.findings.length ? [renderFindings(scan.findings, style)] : []),
            ]
              .join('\n\n')
              .concat('\n');
          },
          refusal,
        );
        return refusal ? exitOfError(refusal.code) : EXIT.ok;
      }),
    );
}
