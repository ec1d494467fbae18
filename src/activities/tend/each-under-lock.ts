/** Verbs that decide on each tenant by itself, under its lock. */

import type { TenantRef } from '../../domain/tenant.js';
import type { Tended } from '../../domain/tend.js';
import type { TenantState } from '../../postgres/ledger.js';
import { decideAdopt } from '../../postgres/tend/adopt.js';
import { decideEject } from '../../postgres/tend/eject.js';
import { type Decision, underLock } from '../../postgres/tend/under-lock.js';
import { applicationName } from '../application-name.js';
import type { ActivityDeps } from '../deps.js';
import { eachAtOnce } from '../each-at-once.js';
import { CONNECTIONS_PER_HOST } from '../read-positions.js';
import { isActive, type TendInput, type Visit, type Walk } from './visit.js';

type Decide = (tenant: TenantRef, state: TenantState) => Decision;

/** What is known of a host: once it is the trouble itself, its other tenants are not tried. */
export interface HostState {
  silent?: Tended;
}

/** Answers what each tenant of one host came to. */
export async function eachUnderLock(
  deps: ActivityDeps,
  { requestId }: TendInput,
  tenants: readonly TenantRef[],
  host: HostState,
  { stop, refuseWhenStopped }: Walk,
  decide: Decide,
  done: (tenant: TenantRef, tended: Tended) => void,
): Promise<void> {
  await eachAtOnce(tenants, CONNECTIONS_PER_HOST, async (tenant) => {
    await refuseWhenStopped();
    if (host.silent) return done(tenant, host.silent);
    const { ofHost, ...tended } = await underLock(
      deps.hosts,
      {
        tenant,
        names: deps.names,
        extensionSchemas: deps.fleet.extensionSchemas ?? [],
        applicationName: applicationName(requestId, tenant.id),
        stop,
      },
      (state) => decide(tenant, state),
    );
    if (ofHost) host.silent = tended;
    done(tenant, tended);
  });
}

export const createAdoptVisit = async (deps: ActivityDeps, input: TendInput<'adopt'>): Promise<Visit> => {
  const { fleet, actor, requestId } = input;
  return (_host, tenants, walk) =>
    eachUnderLock(
      deps,
      input,
      tenants,
      {},
      walk,
      (tenant, state) => decideAdopt({ tenant, names: deps.names, fleet, actor, requestId }, state),
      (tenant, tended) => walk.tally.add(tenant.id, tended),
    );
};

export const createEjectVisit = async (deps: ActivityDeps, input: TendInput<'eject'>): Promise<Visit> => {
  const { force } = input;
  return (_host, tenants, walk) =>
    eachUnderLock(
      deps,
      input,
      tenants,
      {},
      walk,
      (tenant, state) => decideEject({ tenant, names: deps.names, force }, state),
      (tenant, tended) =>
        // A tenant that is deleted, or not there yet, has nothing of ours
        walk.tally.add(tenant.id, tended.code === 'FLT_SCHEMA_MISSING' && !isActive(tenant) ? { outcome: 'skipped' } : tended),
    );
};
