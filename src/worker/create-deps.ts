/** Opens everything the activities need, in order, and closes it in reverse. */

import { Client, type Connection } from '@temporalio/client';
import type { ActivityDeps } from '../activities/deps.js';
import { createPlanCache } from '../activities/plan-cache.js';
import { createTenantDirectory } from '../activities/tenant-directory.js';
import { createControlPool } from '../control/control-pool.js';
import { migrateControl } from '../control/migrate-control.js';
import type { TenantRef } from '../domain/tenant.js';
import { createKnexEngine } from '../engines/knex/knex-engine.js';
import { createHostSlots } from '../postgres/host-slots.js';
import { createHosts } from '../postgres/hosts.js';
import { createRunner } from '../postgres/runner.js';
import type { LoadedConfig } from '../spec/load-config.js';
import { createResolver } from '../spec/references.js';

export interface DepsOptions {
  readonly config: LoadedConfig;
  readonly temporal: { readonly connection: Connection; readonly namespace: string };
  readonly actor: string;
  readonly build?: string;
  readonly noBake: boolean;
  readonly stopping: () => boolean;
}

/** Brings the control database to this version on the way. @throws FLT_REFERENCE_UNRESOLVED, FLT_CONTROL_UNAVAILABLE */
export async function openDeps(options: DepsOptions): Promise<{ readonly deps: ActivityDeps; readonly close: () => Promise<void> }> {
  const { fleet, baseDir, migrationDirectories } = options.config;
  const resolve = createResolver(baseDir);
  const schema = fleet.control.schema ?? 'flotilla';
  const resolveControl = () => resolve(fleet.control.connection);
  await migrateControl({ resolve: resolveControl, schema, actor: options.actor });

  const control = await createControlPool({ resolve: resolveControl, schema });
  const hosts = createHosts({ hosts: fleet.hosts, resolve });
  const slots = createHostSlots(hosts);
  const { migrations } = fleet;
  const inHand = new Map<string, TenantRef>();
  const engine = createKnexEngine({
    directories: migrationDirectories,
    baseDir,
    inputs: migrations.inputs ?? [],
    ...(migrations.loadExtensions ? { loadExtensions: migrations.loadExtensions } : {}),
    ...(migrations.wrapIdentifier ? { wrapIdentifier: migrations.wrapIdentifier } : {}),
    ...(migrations.postProcessResponse ? { postProcessResponse: migrations.postProcessResponse } : {}),
    ...(migrations.userParams ? { userParams: (id: string) => migrations.userParams!(inHand.get(id)!) } : {}),
  });
  const names = {
    tableName: migrations.tableName ?? 'knex_migrations',
    ...(migrations.schemaName === undefined ? {} : { schemaName: migrations.schemaName }),
  };
  const runner = createRunner({
    engine,
    hosts,
    history: names,
    ...(fleet.extensionSchemas ? { extensionSchemas: fleet.extensionSchemas } : {}),
    ...(fleet.shared ? { shared: fleet.shared } : {}),
  });
  return {
    deps: {
      fleet,
      control,
      hosts,
      engine,
      names,
      plans: createPlanCache(control),
      directory: createTenantDirectory({ fleet, hosts }),
      slots,
      resolve,
      temporal: new Client({ connection: options.temporal.connection, namespace: options.temporal.namespace }),
      ...(options.build === undefined ? {} : { build: options.build }),
      noBake: options.noBake,
      stopping: options.stopping,
      runner: {
        // `userParams` is asked by tenant id in the middle of an attempt; it wants the whole tenant
        async attempt(input) {
          inHand.set(input.tenant.id, input.tenant);
          try {
            return await runner.attempt(input);
          } finally {
            inHand.delete(input.tenant.id);
          }
        },
      },
    },
    close: async () => {
      await slots.close();
      await hosts.close();
      await control.end();
    },
  };
}
