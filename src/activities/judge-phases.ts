import { reportsFor } from '../control/app-versions.js';
import { type Knowing, newestWhole, standings } from '../control/phases.js';
import { judgeAppVersions } from '../domain/app-versions.js';
import {
  type FleetStanding,
  isContract,
  isOver,
  judgeContract,
  judgeFlags,
  lastBefore,
  type Phased,
  partsBeforeOf,
} from '../domain/phases.js';
import type { Finding } from '../domain/plan.js';
import type { MigrationFile } from '../engines/engine.js';
import { unconfirmedFlags } from '../gates/ask-flags.js';
import type { ActivityDeps } from './deps.js';

/** For whom a contract would go out. */
export interface ContractScope {
  readonly fleet: string;
  /** Named tenants; undefined: flags are asked for the fleet. */
  readonly tenants?: readonly string[];
  /** The plan that would bring it, or the newest of the whole fleet; undefined: nobody has looked at the fleet. */
  readonly planId?: string;
  /** Only tenants that the plan would bring the contract have to be served by a new application. */
  readonly onlyPending: boolean;
}

/** Something that has to be so before a contract goes out, beside its time. */
type ContractCheck = (deps: ActivityDeps, scope: ContractScope, contract: Phased) => Promise<readonly Finding[]>;

const flagsAreOn: ContractCheck = async (deps, { tenants }, { name, declares }) =>
  judgeFlags(name, await unconfirmedFlags(deps.fleet.flags, declares?.flags ?? [], tenants, deps));

const appIsNewEnough: ContractCheck = async ({ control }, { fleet, planId, onlyPending }, { name, declares }) =>
  declares?.appVersion === undefined || planId === undefined
    ? []
    : judgeAppVersions(name, declares.appVersion, await reportsFor(control, fleet, planId, onlyPending ? name : undefined));

const CHECKS: readonly ContractCheck[] = [flagsAreOn, appIsNewEnough];

export interface Judged {
  readonly findings: readonly Finding[];
  /** The last migration before those that may not go out; undefined: all may. */
  readonly before?: string;
}

export interface JudgedPlan extends Judged {
  /** Contracts that the fleet has not gone through yet. */
  readonly contracts: readonly MigrationFile[];
}

/**
 * Why contracts among the migrations of a plan may not go out now.
 * @param when time is judged when the plan is made (a plan that another rollout overtakes is stale); what can change since, again when it starts, and
 *   before each wave (`askContract`)
 */
export async function judgePhases(
  deps: ActivityDeps,
  scope: Required<Knowing> & { readonly tenants?: readonly string[] },
  migrations: readonly { readonly name: string }[],
  when: 'planning' | 'starting',
): Promise<JudgedPlan> {
  const { files } = await deps.engine.list();
  const names = new Set(migrations.map(({ name }) => name));
  const contracts = files.filter((file) => isContract(file) && names.has(file.name));
  if (contracts.length === 0) return { findings: [], contracts };
  const fleetKnown = scope.whole || (await newestWhole(deps.control, scope.fleet)) !== undefined;
  const asked = new Set(contracts.flatMap(({ name }) => [name, ...partsBeforeOf(files, name)]));
  const stand = await standings(deps.control, scope, [...asked]);
  const found: Finding[] = [];
  for (const contract of contracts) {
    if (when === 'planning') found.push(...judgeTime(files, contract, stand, fleetKnown));
    found.push(...(await checkContract(deps, { ...scope, onlyPending: true }, contract, stand)));
  }
  return { ...withWayOut(found, files), contracts: contracts.filter(({ name }) => !isOver(stand.get(name)!)) };
}

export function judgeTime(
  files: readonly MigrationFile[],
  contract: MigrationFile,
  stand: ReadonlyMap<string, FleetStanding>,
  fleetKnown: boolean,
): readonly Finding[] {
  const parents = partsBeforeOf(files, contract.name).map((name) => stand.get(name)!);
  return judgeContract(contract, { nowMs: Date.now(), fleetKnown, contract: stand.get(contract.name)!, parents });
}

/** What beside its time stands in the way of a contract that the fleet has not gone through yet. */
export async function checkContract(
  deps: ActivityDeps,
  scope: ContractScope,
  contract: MigrationFile,
  stand: ReadonlyMap<string, FleetStanding>,
): Promise<readonly Finding[]> {
  return isOver(stand.get(contract.name)!) ? [] : missing(deps, scope, contract);
}

/** What of all that a contract names does not hold now. */
export async function missing(deps: ActivityDeps, scope: ContractScope, contract: Phased): Promise<readonly Finding[]> {
  const found: Finding[] = [];
  for (const check of CHECKS) found.push(...(await check(deps, scope, contract)));
  return found;
}

/** What may go out instead is named in the remedies. */
export function withWayOut(found: readonly Finding[], files: readonly MigrationFile[]): Judged {
  const blocked = found.flatMap(({ severity, migration }) => (severity === 'error' && migration !== undefined ? [migration] : []));
  const before = lastBefore(files, blocked);
  if (before === undefined) return { findings: found };
  const named = ({ remedy, ...finding }: Finding): Finding => ({
    ...finding,
    ...(remedy === undefined ? {} : { remedy: remedy.replace('--to MIGRATION', `--to ${before}`) }),
  });
  return { findings: found.map(named), before };
}
