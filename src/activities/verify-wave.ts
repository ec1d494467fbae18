import { deltasOf } from '../control/deltas.js';
import { tenantsById } from '../control/plan-tenants.js';
import { findTenants, recordOutcomes } from '../control/rollout-tenants.js';
import { FlotillaError } from '../domain/errors.js';
import type { TenantRef } from '../domain/tenant.js';
import type { Delta } from '../postgres/contract.js';
import { netDelta, sameDelta } from '../postgres/fingerprint.js';
import { type Divergence, verifyDelta } from '../postgres/verify.js';
import type { Activities } from './contract.js';
import type { ActivityDeps } from './deps.js';
import { groupBy } from './group-by.js';
import { heartbeating } from './heartbeat.js';
import { samePlace } from './tenant-directory.js';

/** Tenants read at once: what is held in memory does not grow with the fleet. */
const PAGE = 1_000;
/** What an activity answers must not grow with the fleet either. */
const MOST_TOLD = 500;
const MOST_ASKED = 50;

/** Compares every tenant that this rollout applied in the wave, on one host, with what the canaries got. Changes no tenant. */
export const createVerifyWave =
  (deps: ActivityDeps): Activities['verifyWave'] =>
  async ({ planId, rolloutId, wave, host, canary }) => {
    let checked = 0;
    return heartbeating(
      () => ({ host, step: 'comparing with the canaries', n: String(checked) }),
      async () => {
        const { migrations } = await deps.plans.summary(planId);
        const recorded = await deltasOf(deps.control, planId);
        if (canary) throwIfTheyDisagree(recorded);
        const net = netDelta(migrations.flatMap(({ name }) => [...(recorded.get(name)?.values() ?? [])].slice(0, 1)));
        const diverged: { id: string; message: string }[] = [];
        for (let after = '', page = PAGE; page === PAGE; ) {
          const applied = await findTenants(deps.control, rolloutId, { states: ['applied'], host, wave }, after, PAGE);
          const ids = applied.map((tenant) => tenant.id);
          for (const [database, of] of groupBy(await tenantsById(deps.control, planId, ids), (tenant) => tenant.database)) {
            const bySchema = new Map(of.map((tenant) => [tenant.schema ?? 'public', tenant]));
            for (const divergence of await compare(deps, host, database, [...bySchema.keys()], net)) {
              const tenant = bySchema.get(divergence.schema)!;
              // Deleted or moved since: nothing is left to compare. Whoever asks the sources for each of thousands has another problem
              if (diverged.length < MOST_ASKED && (await hasLeft(deps, tenant))) continue;
              diverged.push(describe(tenant.id, divergence));
            }
          }
          checked += ids.length;
          page = ids.length;
          after = ids.at(-1) ?? '';
        }
        await recordOutcomes(
          deps.control,
          rolloutId,
          wave,
          host,
          diverged.map(({ id, message }) => ({ id, state: 'failed', code: 'FLT_DIVERGED', message, partial: true })),
        );
        return { checked, diverged: diverged.slice(0, MOST_TOLD), more: Math.max(0, diverged.length - MOST_TOLD) };
      },
    );
  };

async function hasLeft({ directory }: ActivityDeps, tenant: TenantRef): Promise<boolean> {
  const now = await directory.search(tenant);
  return now === 'gone' || (now !== undefined && !samePlace(now, tenant));
}

/** A database that is not there any more holds nothing of what was added. */
async function compare(
  deps: ActivityDeps,
  host: string,
  database: string | undefined,
  schemas: readonly string[],
  net: Delta,
): Promise<readonly Divergence[]> {
  try {
    return await deps.hosts.withHost(host, (client) => verifyDelta(client, schemas, net, deps.names), database);
  } catch (error) {
    if (database === undefined || !(error instanceof FlotillaError) || error.code !== 'FLT_SCHEMA_MISSING') throw error;
    return schemas.map((schema) => ({ schema, missing: net.added, unexpected: [] }));
  }
}

/** @throws FLT_CANARIES_DISAGREE naming the migration, two canaries and the first difference */
function throwIfTheyDisagree(recorded: ReadonlyMap<string, ReadonlyMap<string, Delta>>): void {
  for (const [migration, byTenant] of recorded) {
    const [first, ...others] = [...byTenant];
    for (const [tenant, delta] of others) {
      if (sameDelta(first![1], delta)) continue;
      const [one, two] = [first![1], delta].map(
        (it) => new Set([...it.added.map((line) => `+ ${line}`), ...it.removed.map((line) => `- ${line}`)]),
      );
      const only = [...one!].find((line) => !two!.has(line));
      const other = [...two!].find((line) => !one!.has(line));
      throw new FlotillaError(
        'FLT_CANARIES_DISAGREE',
        `${migration} came out different: ${only === undefined ? `"${tenant}" alone has "${shorten(other!)}"` : `"${first![0]}" alone has "${shorten(only)}"`}.`,
        { migration, canaries: [first![0], tenant] },
      );
    }
  }
}

const MESSAGE_LINES = 3;

function describe(id: string, { missing, unexpected }: Divergence): { id: string; message: string } {
  const lines = [...missing.map((line) => `missing: ${shorten(line)}`), ...unexpected.map((line) => `still there: ${shorten(line)}`)];
  const more = lines.length - MESSAGE_LINES;
  return { id, message: `${id}: ${lines.slice(0, MESSAGE_LINES).join('; ')}${more > 0 ? `; and ${more} more` : ''}.` };
}

const shorten = (line: string): string => (line.length > 160 ? `${line.slice(0, 159)}…` : line);
