import { ERROR_CODES } from '../domain/error-codes.js';
import type { TenantRef } from '../domain/tenant.js';
import { missingGrants, readHostFacts, sharesBackends, tablesNotOwned } from '../postgres/host-facts.js';
import { EXTRA_CONNECTIONS } from '../postgres/hosts.js';
import { hostsOfCell } from '../spec/cells.js';
import type { Check } from '../workflows/admin-messages.js';
import { describeClock } from './admin/check-control.js';
import type { Activities } from './contract.js';
import type { ActivityDeps } from './deps.js';
import { groupBy } from './group-by.js';
import { heartbeating } from './heartbeat.js';
import { hostTrouble } from './host-trouble.js';
import { hostOfSource, readSource } from './tenant-sources.js';

/** Postgres 14 is the oldest that the runner is tested on. */
const OLDEST = 140_000;
const CLOCK_TOLERANCE_MS = 2_000;
const SHOWN = 3;

/** Looks at every host of one cell: does it answer, may we work there, is there room, and is it really Postgres we talk to? Changes nothing. */
export const createCheckHosts =
  (deps: ActivityDeps): Activities['checkHosts'] =>
  async ({ cell }) =>
    heartbeating(
      () => ({ step: `checking the hosts of cell ${cell}` }),
      async () => {
        const perHost = await Promise.all(hostsOfCell(deps.fleet, cell).map((host) => checkHost(deps, host)));
        return { checks: perHost.flat() };
      },
    );

async function checkHost(deps: ActivityDeps, host: string): Promise<Check[]> {
  const name = `host ${host}`;
  try {
    const facts = await deps.hosts.withHost(host, readHostFacts);
    const limit = deps.fleet.hosts[host]?.maxConcurrency ?? 8;
    const free = facts.maxConnections - facts.reservedConnections;
    const checks: Check[] = [
      facts.readOnly
        ? { name, ok: false, detail: 'it is read-only: a replica, or in failover', remedy: 'Point the connection at the primary.' }
        : { name, ok: true, detail: `Postgres ${facts.version}, role "${facts.role}"` },
    ];
    if (facts.versionNumber < OLDEST)
      checks.push({
        name: `${name}: version`,
        ok: false,
        detail: `Postgres ${facts.version}`,
        remedy: 'Flotilla needs Postgres 14 or newer.',
      });
    checks.push(
      limit + EXTRA_CONNECTIONS <= free
        ? {
            name: `${name}: connections`,
            ok: true,
            detail: `${limit + EXTRA_CONNECTIONS} per worker, of ${facts.maxConnections} (max_connections)`,
          }
        : {
            name: `${name}: connections`,
            ok: false,
            detail: `a worker may open ${limit + EXTRA_CONNECTIONS}, and the host allows ${free}`,
            remedy: `Lower maxConcurrency of the host, or raise max_connections.`,
          },
    );
    if (Math.abs(facts.clockOffMs) > CLOCK_TOLERANCE_MS)
      checks.push({
        name: `${name}: clock`,
        ok: false,
        detail: `the host's clock is ${describeClock(facts.clockOffMs)} of this worker's`,
        remedy: 'Synchronise the clocks (NTP).',
      });
    checks.push(await checkPooler(deps, host, name), ...(await checkRights(deps, host, name)));
    return checks;
  } catch (error) {
    const { code, message } = hostTrouble(error, 'checking');
    return [
      { name, ok: false, detail: `${code}: ${message}`, remedy: 'Bring the host back, or correct its reference; then run doctor again.' },
    ];
  }
}

async function checkPooler(deps: ActivityDeps, host: string, name: string): Promise<Check> {
  const shares = await deps.hosts.withHost(host, (first) => deps.hosts.withHost(host, (second) => sharesBackends(first, second)));
  return shares
    ? {
        name: `${name}: pooler`,
        ok: false,
        detail: ERROR_CODES.FLT_TRANSACTION_POOLER.meaning,
        remedy: ERROR_CODES.FLT_TRANSACTION_POOLER.remedy,
      }
    : { name: `${name}: pooler`, ok: true, detail: 'sessions are our own' };
}

/** With one credential per tenant only the credential of discovery could be looked at here, which says nothing: left out. */
async function checkRights(deps: ActivityDeps, host: string, name: string): Promise<Check[]> {
  if (typeof deps.fleet.hosts[host]?.connection !== 'string') return [];
  const tenants = await tenantsOfHost(deps, host);
  const grants: string[] = [];
  let unowned = 0;
  const owners = new Set<string>();
  for (const [database, of] of groupBy(tenants, (tenant) => tenant.database)) {
    const schemas = of.map((tenant) => tenant.schema ?? 'public');
    await deps.hosts.withHost(
      host,
      async (client) => {
        grants.push(...(await missingGrants(client, schemas)));
        const tables = await tablesNotOwned(client, schemas);
        unowned += tables.count;
        for (const owner of tables.owners) owners.add(owner);
      },
      database,
    );
  }
  const checks: Check[] = [
    grants.length === 0
      ? { name: `${name}: rights`, ok: true, detail: `may create in the schemas of all ${tenants.length} tenants` }
      : {
          name: `${name}: rights`,
          ok: false,
          detail: `may not create in ${grants.length} of ${tenants.length} tenant schemas`,
          remedy: `${grants.slice(0, SHOWN).join(' ')}${grants.length > SHOWN ? ` … (${grants.length} in all)` : ''}`,
        },
  ];
  if (unowned > 0)
    checks.push({
      name: `${name}: ownership`,
      ok: false,
      detail: `${unowned} tables belong to others, who alone may alter them: ${[...owners].slice(0, SHOWN).join(', ')}`,
      remedy: `${[...owners]
        .slice(0, SHOWN)
        .map((owner) => `grant "${owner.replaceAll('"', '""')}" to the role of this host`)
        .join('; ')}.`,
    });
  return checks;
}

async function tenantsOfHost(deps: ActivityDeps, host: string): Promise<readonly TenantRef[]> {
  const lists = await Promise.all(
    deps.fleet.tenants.map((source, index) => {
      const at = hostOfSource(source);
      return at === undefined || at === host ? readSource(source, index, deps.hosts) : [];
    }),
  );
  return lists.flat().filter((tenant) => tenant.host === host);
}
