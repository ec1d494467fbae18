import { type Command, Option } from 'commander';
import { EXIT } from '../client/exit-codes.js';
import { noRolloutBody, rolloutBody, tenantBody } from '../client/to-documents.js';
import { TENANT_STATES, type TenantState } from '../domain/tenant.js';
import { renderTenant } from './render/lists.js';
import { renderRollout, renderTenantTable } from './render/rollout.js';
import { runSession, type Session } from './shared/session.js';
import { verbCommand } from './shared/verb-command.js';
import { createWatcher } from './shared/watch.js';

interface StatusFlags {
  readonly tenant?: string;
  readonly tenants?: TenantState | true;
  readonly watch?: boolean;
}

export function register(program: Command): void {
  verbCommand(program, 'status')
    .argument('[rollout]', 'id of a rollout (default: the open one, else the latest)')
    .option('--tenant <id>', 'one tenant: its state, what went wrong, what blocks it, how far its backfill is')
    .addOption(new Option('--tenants [state]', 'list the tenants, or those in one state').choices(TENANT_STATES))
    .option('--watch', 'follow it until it ends')
    .action((rolloutId: string | undefined, flags: StatusFlags, command: Command) =>
      flags.tenant === undefined
        ? runSession(command, 'status', (session) => status(session, rolloutId, flags))
        : runSession(command, 'tenant', async ({ client, out }) => {
            const tenant = await client.tenantStatus(flags.tenant as string, rolloutId);
            out.result('tenant', tenantBody(tenant), (style) => renderTenant(tenant, style));
            return EXIT.ok;
          }),
    );
}

async function status(session: Session, rolloutId: string | undefined, flags: StatusFlags) {
  const { client, out, signal } = session;
  const at = await client.status(rolloutId);
  if (!at) {
    out.result('status', noRolloutBody(), () => 'This fleet never had a rollout. Begin with "flotilla plan".\n');
    return EXIT.ok;
  }
  if (flags.watch && at.open) {
    const watcher = await createWatcher(session);
    try {
      await client.wait({ rolloutId: at.rolloutId, signal, untilNeedsPerson: false, onStatus: watcher.show });
    } finally {
      watcher.done(true);
    }
    return EXIT.ok;
  }
  const tenants = flags.tenants
    ? await client.rolloutTenants(at.rolloutId, flags.tenants === true ? undefined : [flags.tenants], out.json ? undefined : 1_000)
    : undefined;
  out.result('status', { ...rolloutBody(at), ...(tenants ? { tenants: [...tenants] } : {}) }, (style) =>
    tenants ? `${renderTenantTable(tenants, style)}\n` : renderRollout(at, style),
  );
  return EXIT.ok;
}
