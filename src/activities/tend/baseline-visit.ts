import { FlotillaError } from '../../domain/errors.js';
import type { TenantRef } from '../../domain/tenant.js';
import { readStructures } from '../../postgres/fingerprint.js';
import { decideBaseline } from '../../postgres/tend/baseline.js';
import type { ActivityDeps } from '../deps.js';
import { hostTrouble } from '../host-trouble.js';
import { type Slice, slices } from '../read-positions.js';
import { eachUnderLock, type HostState } from './each-under-lock.js';
import { digestOf, filesUpTo, knownMigration } from './open-tending.js';
import { isActive, type TendInput, type Visit, type Walk } from './visit.js';

/** Schemas whose structure one statement reads. */
const SLICE = 100;

/** Marks active tenants that have no history, and groups them by their structure. @throws FLT_MIGRATION_MISMATCH: this worker has other files */
export async function createBaselineVisit(deps: ActivityDeps, input: TendInput<'baseline'>): Promise<Visit> {
  const { fleet, actor, requestId, migration, digest, dryRun } = input;
  const { files: all, problems } = await deps.engine.list();
  const files = filesUpTo(all, knownMigration(migration, all, problems));
  if (digestOf(files) !== digest)
    throw new FlotillaError(
      'FLT_MIGRATION_MISMATCH',
      `The workers have different files up to ${migration}; a deploy may still be rolling.`,
      { migration },
    );
  return async (host, tenants, walk) => {
    for (const tenant of tenants) if (!isActive(tenant)) walk.tally.add(tenant.id, { outcome: 'skipped' });
    const state: HostState = {};
    for (const slice of slices(tenants.filter(isActive), SLICE)) {
      const marked = new Set<TenantRef>();
      await eachUnderLock(
        deps,
        input,
        slice.tenants,
        state,
        walk,
        (tenant, state) => {
          const { write, ...decision } = decideBaseline({ tenant, names: deps.names, files, fleet, actor, requestId }, state);
          return dryRun || write === undefined ? decision : { ...decision, write };
        },
        (tenant, tended) => {
          walk.tally.add(tenant.id, tended);
          if (tended.outcome === 'done') marked.add(tenant);
        },
      );
      await group(deps, host, { ...slice, tenants: slice.tenants.filter((tenant) => marked.has(tenant)) }, walk);
    }
  };
}

/** What a person looks at before marking. A host that falls silent now has its tenants marked all the same. */
async function group(deps: ActivityDeps, host: string, { database, tenants }: Slice, { tally }: Walk): Promise<void> {
  if (tenants.length === 0) return;
  const schemaOf = ({ schema = 'public' }: TenantRef) => schema;
  try {
    const structures = await deps.hosts.withHost(
      host,
      (client) => readStructures(client, [...new Set(tenants.map(schemaOf))], deps.names),
      database,
    );
    for (const tenant of tenants) tally.addStructure(structures.get(schemaOf(tenant))!, tenant.id);
  } catch (error) {
    hostTrouble(error, 'reading structures'); // a bug is thrown on
  }
}
