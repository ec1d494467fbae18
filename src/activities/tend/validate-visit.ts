import { Context } from '@temporalio/activity';
import { recordValidations, type TenantValidation } from '../../control/validations.js';
import { FlotillaError } from '../../domain/errors.js';
import { contractsAfter } from '../../domain/phases.js';
import type { TenantRef } from '../../domain/tenant.js';
import type { Position } from '../../postgres/contract.js';
import type { Declared } from '../../postgres/validate/validate.js';
import { type ValidatedTenant, validateTenant } from '../../postgres/validate/validate-tenant.js';
import { applicationName } from '../application-name.js';
import type { ActivityDeps } from '../deps.js';
import { eachAtOnce } from '../each-at-once.js';
import { hostTrouble } from '../host-trouble.js';
import { judgeIdentity } from '../judge-position.js';
import { logChecks } from '../log-checks.js';
import { CONNECTIONS_PER_HOST, readPositions, type Slice, slices } from '../read-positions.js';
import type { HostState } from './each-under-lock.js';
import { isActive, type TendInput, type Visit, type Walk } from './visit.js';

/** Tenants whose results are stored at once. */
const SLICE = 100;

/** Makes again the checks of the migrations that each active tenant has, and stores what they come to. @throws FLT_MIGRATION_MISMATCH: this worker has no such file */
export async function createValidateVisit(deps: ActivityDeps, input: TendInput<'validate'>): Promise<Visit> {
  const declared = await declaredChecks(deps, input.migration);
  return async (host, tenants, walk) => {
    for (const tenant of tenants) if (!isActive(tenant)) walk.tally.add(tenant.id, { outcome: 'skipped' });
    const at: HostState = {};
    for (const slice of slices(tenants.filter(isActive), SLICE)) {
      const positions = await look(deps, host, slice, at);
      const found: TenantValidation[] = [];
      await eachAtOnce(slice.tenants, CONNECTIONS_PER_HOST, async (tenant) => {
        await walk.refuseWhenStopped();
        const validated = at.silent ?? (await validate(deps, input, tenant, positions.get(tenant.id)!, declared, walk));
        if ('ofHost' in validated) at.silent = { ...validated };
        count(walk, found, tenant, validated);
      });
      await recordValidations(deps.control, input.fleet, undefined, found);
    }
  };
}

interface Asked extends Declared {
  /** Contracts that take away what the checks look at. */
  readonly endedBy: readonly string[];
}

async function declaredChecks(deps: ActivityDeps, migration: string | undefined): Promise<readonly Asked[]> {
  const { files } = await deps.engine.list();
  const asked = files.filter(({ name }) => migration === undefined || name === migration);
  if (asked.length === 0 && migration !== undefined)
    throw new FlotillaError('FLT_MIGRATION_MISMATCH', `This worker has no file ${migration}; a deploy may still be rolling.`, {
      migration,
    });
  return asked.flatMap(({ name, declares }) =>
    declares?.validate ? [{ migration: name, checks: declares.validate, endedBy: contractsAfter(files, name) }] : [],
  );
}

/** Where the tenants of a slice stand: nowhere, once their host is silent. */
async function look(deps: ActivityDeps, host: string, slice: Slice, at: HostState): Promise<ReadonlyMap<string, Position>> {
  if (at.silent) return new Map();
  try {
    return new Map((await readPositions(deps, host, slice)).map((position) => [position.id, position]));
  } catch (error) {
    at.silent = { outcome: 'unreached', ...hostTrouble(error, 'reading histories') };
    return new Map();
  }
}

async function validate(
  deps: ActivityDeps,
  { requestId }: TendInput,
  tenant: TenantRef,
  position: Position,
  declared: readonly Asked[],
  { stop }: Walk,
): Promise<ValidatedTenant> {
  const refused = (code: string, what: string): ValidatedTenant => ({ outcome: 'refused', code, message: `${tenant.id}: ${what}.` });
  const { applied } = position;
  if (!applied) return refused('FLT_SCHEMA_MISSING', `there is no schema "${tenant.schema ?? 'public'}" on host "${tenant.host}"`);
  if (judgeIdentity(position) === 'another')
    return refused('FLT_IDENTITY_MISMATCH', `the ledger in its schema says that this is tenant "${position.identity!.tenant}"`);
  const has = (migration: string) => applied.includes(migration);
  const due = declared.filter(({ migration, endedBy }) => has(migration) && !endedBy.some(has));
  if (due.length === 0) return { outcome: 'unchanged' };
  const tending = {
    tenant,
    names: deps.names,
    extensionSchemas: deps.fleet.extensionSchemas ?? [],
    applicationName: applicationName(requestId, tenant.id),
    stop,
  };
  return validateTenant(deps.hosts, tending, due);
}

function count({ tally }: Walk, found: TenantValidation[], tenant: TenantRef, { validations = [], ...tended }: ValidatedTenant): void {
  const { id } = tenant;
  tally.add(id, tended);
  logChecks(Context.current().log, tenant, validations);
  for (const { migration, results } of validations) {
    found.push({ tenant: id, migration, results });
    for (const { check, passed, message } of results)
      tally.addCheck(migration, check, passed ? undefined : { tenant: id, message: message! });
  }
}
