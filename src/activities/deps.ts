/** What the activities need of a worker, put together once in `worker/main.ts`. */

import type { Client } from '@temporalio/client';
import type { ControlPool } from '../control/control-pool.js';
import type { MigrationEngine } from '../engines/engine.js';
import type { HistoryNames, Hosts } from '../postgres/contract.js';
import type { HostSlots } from '../postgres/host-slots.js';
import type { Runner } from '../postgres/runner.js';
import type { Fleet } from '../spec/fleet.js';
import type { ResolveReference } from '../spec/references.js';
import type { PlanCache } from './plan-cache.js';
import type { TenantDirectory } from './tenant-directory.js';

export interface ActivityDeps {
  readonly fleet: Fleet;
  readonly control: ControlPool;
  readonly hosts: Hosts;
  readonly engine: MigrationEngine;
  readonly runner: Runner;
  readonly names: HistoryNames;
  readonly plans: PlanCache;
  readonly directory: TenantDirectory;
  readonly slots: HostSlots;
  /** What a reference in the config stands for. */
  readonly resolve: ResolveReference;
  /** Starts and signals tenant workflows. */
  readonly temporal: Client;
  /** Names this worker's build in `filesDiffer` and `hello`; undefined: a hash of the package version and the migration files. */
  readonly build?: string;
  /** Every bake is 0: the local stack does not wait. */
  readonly noBake: boolean;
  /** true once the worker was asked to stop: lists finish the tenant in hand and hand back the rest. */
  readonly stopping: () => boolean;
}
