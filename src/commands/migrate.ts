import type { Command } from 'commander';
import { EXIT } from '../client/exit-codes.js';
import type { MigrateTenantResult } from '../client/migrate-tenant.js';
import { migrateBody } from '../client/to-documents.js';
import { duration, plural } from './render/format.js';
import { renderFindings } from './render/plan.js';
import type { Style } from './render/style.js';
import { busy } from './shared/busy.js';
import { refuseMistakes } from './shared/mistakes.js';
import { addExpectFlags, type ExpectFlags, expectOptions } from './shared/plan-options.js';
import { runSession } from './shared/session.js';
import { verbCommand } from './shared/verb-command.js';

export function register(program: Command): void {
  addExpectFlags(
    verbCommand(program, 'migrate')
      .argument('<tenant>', 'the tenant, as its source names it')
      .option('--force', 'also when it is pinned, or the fleet is frozen (needs --reason)'),
  ).action((tenant: string, flags: ExpectFlags & { force?: boolean }, command: Command) =>
    runSession(command, 'migrate', async ({ client, config, out, ask, signal }) => {
      refuseMistakes([flags.force && !ask.reason && 'Migrating a tenant by force needs a reason: --reason.']);
      const result = await busy(`migrating ${tenant}`, !out.json, (onProgress) =>
        client.migrateTenant(tenant, { force: flags.force ?? false, ...expectOptions(flags, config), ...ask, signal, onProgress }),
      );
      out.result('migrate', migrateBody(result), (style) => renderMigrated(result, style));
      return EXIT.ok;
    }),
  );
}

function renderMigrated({ tenant, outcome, migrations, findings, durationMs }: MigrateTenantResult, style: Style): string {
  const done =
    outcome === 'upToDate'
      ? `${tenant} is up to date`
      : `${tenant}: ${plural(migrations.length, 'migration')} applied in ${duration(durationMs)}`;
  return `${[done, ...migrations.map((name) => `  ${name}`), ...(findings.length > 0 ? [renderFindings(findings, style)] : [])].join('\n')}\n`;
}
