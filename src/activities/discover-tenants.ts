import { stageTenants } from '../control/plan-tenants.js';
import { openPlan } from '../control/plans.js';
import type { Finding } from '../domain/plan.js';
import { matchesSelector } from '../domain/selectors.js';
import type { TenantRef } from '../domain/tenant.js';
import { cellsOf, hostsOfCell } from '../spec/cells.js';
import { parseSelector } from '../spec/parse-selector.js';
import type { Activities } from './contract.js';
import type { ActivityDeps } from './deps.js';
import { groupBy } from './group-by.js';
import { heartbeating } from './heartbeat.js';
import { hostTrouble } from './host-trouble.js';
import { describeSource, hostOfSource, readSource } from './tenant-sources.js';

const SAMPLE = 5;

/**
 * Asks the tenant sources of one cell, and stages whom they name under the plan. A host that does not answer, a tenant on no known host
 * and a tenant named twice are findings: all of them are told at once.
 */
export const createDiscoverTenants =
  (deps: ActivityDeps): Activities['discoverTenants'] =>
  async ({ fleet, planId, cell, mode, tenants: names, selector }) =>
    heartbeating(
      () => ({ step: `asking the tenant sources of cell ${cell}` }),
      async () => {
        const wanted = selector === undefined ? undefined : parseSelector(selector);
        const findings: Finding[] = [];
        const found = await readSources(deps, cell, findings);
        // Every cell sees the sources that belong to no host; one of them speaks about what is wrong there
        if (cell === cellsOf(deps.fleet)[0]) findings.push(...unknownHosts(deps, found));
        const mine = found.filter((tenant) => hostsOfCell(deps.fleet, cell).includes(tenant.host));
        findings.push(...duplicates(mine));
        const selected = distinct(mine).filter(
          (tenant) =>
            (names === undefined || names.includes(tenant.id)) &&
            (wanted === undefined || matchesSelector(wanted, { id: tenant.id, host: tenant.host, labels: tenant.labels ?? {} })),
        );
        await openPlan(deps.control, { planId, fleet });
        const taken = await stageTenants(deps.control, planId, cell, mode === 'tenant' ? selected.map(onDemand) : selected);
        if (taken.length) findings.push(duplicateIds(taken, 'another cell has tenants of the same id'));
        return { tenants: selected.length, findings };
      },
    );

/** Whoever is asked for by name may be on its way to be ready. */
const onDemand = (tenant: TenantRef): TenantRef => (tenant.lifecycle === 'provisioning' ? { ...tenant, lifecycle: 'active' } : tenant);

async function readSources(deps: ActivityDeps, cell: string, findings: Finding[]): Promise<TenantRef[]> {
  const mine = hostsOfCell(deps.fleet, cell);
  const all = await Promise.all(
    deps.fleet.tenants.map(async (source, index): Promise<readonly TenantRef[]> => {
      const host = hostOfSource(source);
      if (host !== undefined && !mine.includes(host)) return [];
      try {
        const tenants = await readSource(source, index, deps.hosts);
        if (tenants.length === 0)
          findings.push({ severity: 'warning', code: 'FLT_NO_TENANTS', message: `${describeSource(source, index)} found no tenant.` });
        return tenants;
      } catch (error) {
        findings.push({ severity: 'error', ...hostTrouble(error, describeSource(source, index)) });
        return [];
      }
    }),
  );
  return all.flat();
}

function unknownHosts(deps: ActivityDeps, tenants: readonly TenantRef[]): Finding[] {
  const known = Object.keys(deps.fleet.hosts);
  const byHost = groupBy(
    tenants.filter((tenant) => !known.includes(tenant.host)),
    (tenant) => tenant.host,
  );
  return [...byHost].map(([host, of]) => ({
    severity: 'error',
    code: 'FLT_UNKNOWN_HOST',
    message: `${of.length} ${of.length === 1 ? 'tenant names' : 'tenants name'} the host "${host}"; the config has ${known.map((name) => `"${name}"`).join(', ')}.`,
    tenants: of.length,
    sample: of.slice(0, SAMPLE).map((tenant) => tenant.id),
  }));
}

const place = (tenant: TenantRef): string => JSON.stringify([tenant.host, tenant.database ?? null, tenant.schema ?? null]);

function duplicates(tenants: readonly TenantRef[]): Finding[] {
  const findings: Finding[] = [];
  const twice = [...groupBy(tenants, (tenant) => tenant.id)].filter(([, of]) => of.length > 1);
  const apart = twice.filter(([, of]) => new Set(of.map(place)).size > 1).map(([id]) => id);
  const same = twice.filter(([, of]) => new Set(of.map(place)).size === 1).map(([id]) => id);
  if (apart.length) findings.push(duplicateIds(apart, 'the same id names different schemas'));
  if (same.length) findings.push(duplicateIds(same, 'they are named more than once'));
  const places = [...groupBy(distinct(tenants), place).values()].filter((of) => of.length > 1);
  if (places.length)
    findings.push({
      severity: 'error',
      code: 'FLT_DUPLICATE_TENANT',
      message: `${places.length} ${places.length === 1 ? 'place is' : 'places are'} claimed by several tenants, the first by ${places[0]!.map((t) => `"${t.id}"`).join(' and ')} (host "${places[0]![0]!.host}"${places[0]![0]!.schema === undefined ? '' : `, schema "${places[0]![0]!.schema}"`}).`,
      tenants: places.reduce((n, of) => n + of.length, 0),
      sample: places
        .flat()
        .slice(0, SAMPLE)
        .map((t) => t.id),
    });
  return findings;
}

const duplicateIds = (ids: readonly string[], why: string): Finding => ({
  severity: 'error',
  code: 'FLT_DUPLICATE_TENANT',
  message: `${ids.length} tenant ${ids.length === 1 ? 'id is' : 'ids are'} not unique: ${why}.`,
  tenants: ids.length,
  sample: ids.slice(0, SAMPLE),
});

/** The first of each id. */
const distinct = (tenants: readonly TenantRef[]): TenantRef[] =>
  [...new Map([...tenants].reverse().map((t) => [t.id, t])).values()].reverse();
