/**
 * The verbs of Flotilla, once: the command line, the client and the workflows' messages are compared with this table by a test.
 * No imports, so that `flotilla --help` starts fast.
 */

export interface Verb {
  readonly name: string;
  readonly group: 'Set up' | 'Look' | 'Run' | 'Steer' | 'Hold' | 'Put right';
  /** One line for `flotilla --help`. */
  readonly summary: string;
  /** Method of `FlotillaClient`; local verbs have none. */
  readonly client?: string;
  /** What carries it: an update of the rollout, an admin verb, a query, a workflow of its own, or nothing beyond this machine. */
  readonly via: 'local' | 'plan' | 'rollout' | 'result' | 'query' | 'update' | 'admin';
}

export const VERBS = [
  { name: 'init', group: 'Set up', summary: 'write flotilla.config.ts, also from an existing knexfile', via: 'local' },
  { name: 'make', group: 'Set up', summary: 'write a new migration file', via: 'local' },
  { name: 'dev', group: 'Set up', summary: 'run Postgres, Temporal with its UI, and a worker on this machine', via: 'local' },
  { name: 'worker', group: 'Set up', summary: 'run a worker', via: 'local' },
  { name: 'doctor', group: 'Set up', summary: 'check config, Temporal, workers, hosts and roles', client: 'doctor', via: 'admin' },
  { name: 'tenants', group: 'Look', summary: 'list the tenants and where each stands', client: 'tenants', via: 'admin' },
  {
    name: 'status',
    group: 'Look',
    summary: 'where the rollout stands, why it is not moving, what to type next',
    client: 'status',
    via: 'query',
  },
  { name: 'explain', group: 'Look', summary: 'why the rollout is not moving, and who can change it', client: 'explain', via: 'query' },
  { name: 'history', group: 'Look', summary: 'list past rollouts', client: 'history', via: 'admin' },
  { name: 'audit', group: 'Look', summary: 'who did what, and why', client: 'audit', via: 'admin' },
  {
    name: 'ready',
    group: 'Look',
    summary: 'is this tenant, or the whole fleet, at least at this migration?',
    client: 'ready',
    via: 'admin',
  },
  {
    name: 'validate',
    group: 'Look',
    summary: 'make the checks of applied migrations again; changes no tenant',
    client: 'validate',
    via: 'admin',
  },
  {
    name: 'phases',
    group: 'Look',
    summary: 'where each change without downtime stands, and what blocks its next phase',
    client: 'phases',
    via: 'admin',
  },
  { name: 'plan', group: 'Run', summary: 'say exactly what would happen, and freeze it', client: 'plan', via: 'plan' },
  { name: 'start', group: 'Run', summary: 'start a rollout (plans first without a plan id)', client: 'start', via: 'rollout' },
  {
    name: 'backfill',
    group: 'Run',
    summary: 'run the backfill of an applied migration again, and nothing else',
    client: 'backfill',
    via: 'rollout',
  },
  {
    name: 'migrate',
    group: 'Run',
    summary: 'bring one tenant to the newest migration, also while a rollout runs',
    client: 'migrateTenant',
    via: 'admin',
  },
  { name: 'wait', group: 'Run', summary: 'wait for the open rollout and exit with its result', client: 'wait', via: 'result' },
  { name: 'pause', group: 'Steer', summary: 'stop taking up tenants; those in hand finish', client: 'pause', via: 'update' },
  { name: 'resume', group: 'Steer', summary: 'go on after a pause or a halt', client: 'resume', via: 'update' },
  { name: 'approve', group: 'Steer', summary: 'let a wave that waits for approval start', client: 'approve', via: 'update' },
  { name: 'reject', group: 'Steer', summary: 'refuse a wave that waits for approval', client: 'reject', via: 'update' },
  {
    name: 'skip',
    group: 'Steer',
    summary: 'leave out tenants, a host, the rest of a wave, a bake or a gate',
    client: 'skip',
    via: 'update',
  },
  { name: 'retry', group: 'Steer', summary: 'try failed tenants again', client: 'retry', via: 'update' },
  { name: 'speed', group: 'Steer', summary: 'change how much runs at once, and how much may fail', client: 'speed', via: 'update' },
  { name: 'abort', group: 'Steer', summary: 'end the rollout; nothing is undone', client: 'abort', via: 'update' },
  {
    name: 'rollback',
    group: 'Steer',
    summary: "return tenants to where this rollout found them (not Knex's last batch)",
    client: 'rollback',
    via: 'update',
  },
  { name: 'freeze', group: 'Hold', summary: 'hold the whole fleet: no tenant is moved forward', client: 'freeze', via: 'admin' },
  { name: 'pin', group: 'Hold', summary: 'hold tenants where they stand; no rollout touches them', client: 'pin', via: 'admin' },
  { name: 'unpin', group: 'Hold', summary: 'let pinned tenants go', client: 'unpin', via: 'admin' },
  { name: 'repair', group: 'Put right', summary: 'accept an edited migration file as it now stands', client: 'repair', via: 'admin' },
  {
    name: 'baseline',
    group: 'Put right',
    summary: 'mark tenants that never had Knex as standing at a migration; nothing is run',
    client: 'baseline',
    via: 'admin',
  },
  { name: 'adopt', group: 'Put right', summary: "make a cloned or restored schema the tenant's own", client: 'adopt', via: 'admin' },
  {
    name: 'refresh',
    group: 'Put right',
    summary: 'rebuild what the control database says of tenants from the tenants',
    client: 'refresh',
    via: 'admin',
  },
  {
    name: 'eject',
    group: 'Put right',
    summary: "drop Flotilla's own tables from tenants; plain Knex goes on",
    client: 'eject',
    via: 'admin',
  },
] as const satisfies readonly Verb[];

export type VerbName = (typeof VERBS)[number]['name'];
export const verbNamed = (name: VerbName): Verb => VERBS.find((verb) => verb.name === name) as Verb;
