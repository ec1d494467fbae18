import { acceptancesOf } from '../control/accepted-checksums.js';
import { type ScannedTenant, stagedTenants, storeScan } from '../control/plan-tenants.js';
import { ERROR_CODES } from '../domain/error-codes.js';
import { FlotillaError } from '../domain/errors.js';
import type { Finding } from '../domain/plan.js';
import type { TenantRef } from '../domain/tenant.js';
import { sharesBackends } from '../postgres/host-facts.js';
import type { Activities } from './contract.js';
import type { ActivityDeps } from './deps.js';
import { eachAtOnce } from './each-at-once.js';
import { findBulkWrites } from './find-bulk-writes.js';
import { gatesOff } from './gates-off.js';
import { groupBy } from './group-by.js';
import { heartbeating } from './heartbeat.js';
import { hostTrouble } from './host-trouble.js';
import { measureTenants } from './measure-tenants.js';
import { CONNECTIONS_PER_HOST, readPositions, slices } from './read-positions.js';
import { createSettler } from './settle-position.js';
import { strategyFor } from './strategy-for.js';

/** Reads where every staged tenant of one cell stands, all hosts at once. Writes nothing to a tenant. */
export const createScanTenants =
  (deps: ActivityDeps): Activities['scanTenants'] =>
  async ({ fleet, planId, cell, to, backfill, strategy, gates, bulkWrites = false }) => {
    let scanned = 0;
    let total = 0;
    return heartbeating(
      () => ({ step: `reading histories in cell ${cell}`, n: `${scanned} of ${total}` }),
      async () => {
        const { files, problems } = await deps.engine.list();
        const target = (backfill ?? to)?.replace(/\.[cm]?[jt]s$/, '');
        const invalid: Finding[] = problems.map(({ file, message }) => ({
          severity: 'error',
          code: 'FLT_MIGRATION_INVALID',
          message: `${file}: ${message}`,
          migration: file,
        }));
        if (target !== undefined && !files.some((file) => file.name === target))
          throw new FlotillaError('FLT_UNKNOWN_MIGRATION', `There is no migration "${target}".`, { migration: target });
        if (backfill !== undefined && !files.some(({ name, declares }) => name === target && declares?.backfill))
          throw new FlotillaError('FLT_NO_BACKFILL', `${target} declares no backfill.`, { migration: target });
        const staged = await stagedTenants(deps.control, planId, cell);
        total = staged.length;
        const troubles: Finding[] = [];
        const settler = createSettler({
          files,
          to: target,
          backfill: backfill === undefined ? undefined : target,
          acceptances: await acceptancesOf(deps.control, fleet),
          table: deps.names.tableName,
        });
        const results: ScannedTenant[] = [];
        const active = staged.filter((tenant) => (tenant.lifecycle ?? 'active') === 'active');
        for (const tenant of staged)
          if ((tenant.lifecycle ?? 'active') !== 'active')
            results.push({ id: tenant.id, state: 'skipped', reason: `lifecycle: ${tenant.lifecycle}`, applied: 0, pending: [] });

        const byHost = groupBy(active, (tenant) => tenant.host);
        const looking = gates
          ? gatesOff(deps, strategyFor(deps, strategy === undefined ? {} : { strategy }, active.length).policy.gates, {
              hosts: [...byHost.keys()],
              fleetWide: gates === 'all',
            })
          : [];
        await Promise.all(
          [...byHost].map(async ([host, tenants]) => {
            let silent = await refusal(deps, host, tenants);
            await eachAtOnce(slices(tenants), CONNECTIONS_PER_HOST, async (slice) => {
              if (silent) return;
              try {
                for (const position of await readPositions(deps, host, slice)) results.push(settler.settle(position));
                scanned += slice.tenants.length;
              } catch (error) {
                silent ??= hostTrouble(error, 'reading the histories');
              }
            });
            if (!silent) return;
            const read_ = new Set(results.map((result) => result.id));
            const left = tenants.filter((tenant) => !read_.has(tenant.id));
            for (const tenant of left) results.push({ id: tenant.id, state: 'blocked', reason: silent.code, applied: 0, pending: [] });
            troubles.push({ severity: 'error', ...silent, tenants: left.length, sample: left.slice(0, 5).map((tenant) => tenant.id) });
          }),
        );
        const off = await looking;
        const large = bulkWrites && backfill === undefined ? await findBulkWrites(deps, { files, byHost, scanned: results }) : [];
        await storeScan(deps.control, planId, results);
        // Only whoever makes waves chooses canaries
        if (gates) {
          const pending = new Set(results.filter((result) => result.state === 'pending').map((result) => result.id));
          const measuring = [...byHost].map(([host, tenants]) =>
            measureTenants(
              deps,
              planId,
              host,
              tenants.filter(({ id }) => pending.has(id)),
            ),
          );
          await Promise.all(measuring);
        }
        const count = (state: ScannedTenant['state']) => results.filter((result) => result.state === state).length;
        return {
          tenants: staged.length,
          pending: count('pending'),
          upToDate: count('upToDate'),
          findings: [...invalid, ...troubles, ...settler.findings(), ...large],
          edited: settler.edited(),
          ...(off.length > 0 ? { gatesOff: off } : {}),
        };
      },
    );
  };

/** Why nothing of this host may be read or migrated. One look for each host: two connections, a few round trips. */
async function refusal(deps: ActivityDeps, host: string, [tenant]: readonly TenantRef[]): Promise<Trouble | undefined> {
  try {
    // The tenants' own way in, which need not be the one of discovery
    const pooled = await deps.hosts.withTenant(tenant!, ({ client: first }) =>
      deps.hosts.withTenant(tenant!, ({ client: second }) => sharesBackends(first, second)),
    );
    return pooled
      ? { code: 'FLT_TRANSACTION_POOLER', message: `Host "${host}": ${ERROR_CODES.FLT_TRANSACTION_POOLER.meaning}` }
      : undefined;
  } catch (error) {
    hostTrouble(error, 'looking for a pooler'); // a bug is thrown on; what else is wrong, the scan itself will find
    return undefined;
  }
}

interface Trouble {
  readonly code: string;
  readonly message: string;
}
