import { fleetKnown, type Knowing, standings } from '../control/phases.js';
import { type ContractFacts, isContract, isOver, judgeContract, lastBefore, partsBeforeOf } from '../domain/phases.js';
import type { Finding } from '../domain/plan.js';
import type { MigrationFile } from '../engines/engine.js';
import type { ActivityDeps } from './deps.js';

/** For whom the contracts would go out. */
export interface ContractScope extends Knowing {
  /** Named tenants; undefined: flags are asked for the fleet. */
  readonly tenants?: readonly string[];
}

/** Why contracts among these migrations may not go out now. What may go out instead is named in the remedy. */
export async function judgePhases(
  deps: ActivityDeps,
  scope: ContractScope,
  files: readonly MigrationFile[],
  migrations: readonly { readonly name: string }[],
): Promise<readonly Finding[]> {
  const names = new Set(migrations.map(({ name }) => name));
  const contracts = files.filter((file) => isContract(file) && names.has(file.name));
  if (contracts.length === 0) return [];
  const partsOf = new Map(contracts.map(({ name }) => [name, partsBeforeOf(files, name)]));
  const known = await fleetKnown(deps.control, scope);
  const stand = await standings(deps.control, scope, [...new Set([...partsOf].flat(2))]);
  const found: Finding[] = [];
  for (const file of contracts) {
    const contract = stand.get(file.name)!;
    if (isOver(contract)) continue;
    const facts: ContractFacts = {
      nowMs: Date.now(),
      fleetKnown: known,
      contract,
      parents: partsOf.get(file.name)!.map((name) => stand.get(name)!),
      unconfirmed: [],
    };
    found.push(...judgeContract(file, facts));
  }
  return withWayOut(found, files);
}

function withWayOut(found: readonly Finding[], files: readonly MigrationFile[]): readonly Finding[] {
  const blocked = found.flatMap(({ severity, migration }) => (severity === 'error' && migration !== undefined ? [migration] : []));
  const before = lastBefore(files, blocked);
  if (before === undefined) return found;
  return found.map((finding) =>
    finding.remedy ? { ...finding, remedy: finding.remedy.replace('--to MIGRATION', `--to ${before}`) } : finding,
  );
}
