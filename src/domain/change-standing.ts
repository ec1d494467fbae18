/** How far a change has come in the fleet: which of its migrations is next, and what to type. */

import { type Change, type FleetStanding, isContract, isOver } from './phases.js';
import type { Finding } from './plan.js';

export const CHANGE_STATES = [
  'notBegun', // no tenant has any of it
  'underWay', // some of it is applied somewhere
  'done', // the fleet went through all of it; only who was born later may lack something
] as const;
export type ChangeState = (typeof CHANGE_STATES)[number];

export interface ChangeStanding {
  readonly state: ChangeState;
  /** The migration that the fleet lacks next; undefined: done. */
  readonly upNext?: string;
}

export interface Step {
  readonly command: string;
  readonly why: string;
}

/** @param standings of all its migrations */
export function standingOf({ migrations }: Change, standings: ReadonlyMap<string, FleetStanding>): ChangeStanding {
  const all = migrations.map(({ name }) => standings.get(name)!);
  const contract = migrations.filter(isContract).at(-1);
  const over = contract !== undefined && isOver(standings.get(contract.name)!);
  const next = over ? undefined : all.find((it) => (it.rolledOut ? it.left : it.lacks) > 0 || it.has + it.lacks === 0);
  if (!next) return { state: 'done' };
  return { state: all.some(({ has }) => has > 0) ? 'underWay' : 'notBegun', upNext: next.migration };
}

/** What to type next. @param blockedBy what stands in the way of `upNext` */
export function nextStep(
  { upNext }: ChangeStanding,
  standings: ReadonlyMap<string, FleetStanding>,
  change: Change,
  blockedBy: readonly Finding[],
): readonly Step[] {
  const late = Math.max(0, ...change.migrations.map(({ name }) => standings.get(name)!.lacks));
  if (upNext === undefined) return late > 0 ? [{ command: 'flotilla start', why: `${count(late)} that came later` }] : [];
  const { has, lacks } = standings.get(upNext)!;
  if (has + lacks === 0) return [{ command: 'flotilla plan', why: 'nobody has looked at the fleet yet' }];
  const open = change.migrations.flatMap(({ name }) => standings.get(name)!.open ?? [])[0];
  if (open !== undefined) return [{ command: 'flotilla wait', why: `rollout ${open} is at it` }];
  const command = `flotilla start --to ${upNext}`;
  if (blockedBy.some(({ severity }) => severity === 'error')) return [{ command, why: 'when nothing blocks it any more' }];
  return [{ command, why: `${count(lacks)} to go` }];
}

const count = (tenants: number): string => `${tenants} ${tenants === 1 ? 'tenant' : 'tenants'}`;
