/** A real fleet with a worker and a client, for tests of what a rollout does while it is steered. Its tenants stand in a table of host h1. */

import { Client, Connection } from '@temporalio/client';
import { expect, onTestFinished } from 'vitest';
import { FlotillaClient } from '../../src/client/flotilla-client.js';
import type { RolloutStatus } from '../../src/client/rollout-status.js';
import { workflowIds } from '../../src/domain/ids.js';
import { countTotals, TENANT_STATES } from '../../src/domain/tenant.js';
import { createFleet, type FleetFixture, type FleetOptions, type WorkerProcess } from './fleet.js';
import { until } from './until.js';

export interface SteeredFleet extends FleetFixture {
  readonly client: FlotillaClient;
  /** The one that it began with. */
  readonly workerProcess: WorkerProcess;
  /** Changes the table that the tenants stand in. */
  directory(sql: string, values?: unknown[]): Promise<unknown>;
  /** Waits for a reading that fits. */
  until(check: (status: RolloutStatus) => boolean | undefined, what: string): Promise<RolloutStatus>;
  /** Waits until it is over; counts must add up, and be the same in the control database. */
  ended(): Promise<RolloutStatus>;
  /** Of the latest rollout. */
  states(): Promise<Record<string, string>>;
  /** Tenants whose schema holds the table, as "host schema". */
  having(table: string): Promise<string[]>;
}

export const ask = (reason: string) => ({ actor: 'ana', reason });

/** JavaScript of a strategy of one's own. */
export const strategy = (fields: string): string => `strategy: 'own', strategies: { own: { ${fields} } },`;

export async function steeredFleet({
  worker = [],
  ...options
}: FleetOptions & { readonly worker?: readonly string[] }): Promise<SteeredFleet> {
  const fleet = await createFleet({
    tenants: `[fromQuery({ host: 'h1', sql: 'select id, host, schema, labels, lifecycle from public.tenants' })]`,
    ...options,
  });
  onTestFinished(() => fleet.close());
  const hosts = Object.keys(fleet.hostUrls);
  const directory = (sql: string, values?: unknown[]) => fleet.rows('h1', sql, values);
  await directory(`create table public.tenants (id text primary key, host text, schema text, labels jsonb default '{}', lifecycle text)`);
  for (const host of hosts)
    for (const { nspname } of await fleet.rows<{ nspname: string }>(host, `select nspname from pg_namespace where nspname ~ '^t[0-9]'`))
      await directory(`insert into public.tenants values ($1, $2, $1)`, [nspname, host]);
  const workerProcess = await fleet.worker(worker);
  const client = await FlotillaClient.connect({ fleet: fleet.name, taskQueue: fleet.name, address: fleet.temporalAddress, actor: 'ana' });
  onTestFinished(() => client.close());
  const connection = await Connection.connect({ address: fleet.temporalAddress });
  onTestFinished(() => connection.close());
  const temporal = new Client({ connection });
  const states = async () =>
    Object.fromEntries(
      (
        await fleet.control<{ tenant_id: string; state: string }>(
          `select tenant_id, state from flotilla.rollout_tenant where rollout_id = (select max(id) from flotilla.rollout where tenant is null) order by 1`,
        )
      ).map((row) => [row.tenant_id, row.state]),
    );
  return {
    ...fleet,
    client,
    workerProcess,
    directory,
    states,
    async until(check, what) {
      return until(async () => {
        const at = await client.status();
        return at && check(at) ? at : undefined;
      }, what);
    },
    async ended() {
      const { status } = await client.wait({ untilNeedsPerson: false, timeoutMs: 90_000, pollMs: 200 });
      expect(status.open, JSON.stringify(status.reasons)).toBe(false);
      // It has said how it ended before it is closed, and the next one may start
      await temporal.workflow
        .getHandle(workflowIds.rollout(fleet.name))
        .result()
        .catch(() => undefined);
      const kept = Object.values(await states());
      expect(
        Object.fromEntries(TENANT_STATES.map((state) => [state, kept.filter((it) => it === state).length])),
        'control database and workflow count the same',
      ).toEqual(status.totals);
      expect(countTotals(status.totals)).toBe(kept.length);
      return status;
    },
    async having(table) {
      const found = await Promise.all(
        hosts.map(async (host) =>
          (
            await fleet.rows<{ nspname: string }>(
              host,
              `select nspname from pg_class c join pg_namespace n on n.oid = relnamespace where relname = $1 and relkind = 'r' order by 1`,
              [table],
            )
          ).map(({ nspname }) => `${host} ${nspname}`),
        ),
      );
      return found.flat();
    },
  };
}
