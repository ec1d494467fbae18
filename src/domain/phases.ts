/**
 * A change without downtime is several migrations, tied by `after`: expand → backfill → constrain → contract. A contract takes away what older
 * code still reads, so it never goes out in the rollout of its expand; that is judged over the whole fleet, not tenant by tenant.
 */

import ms from 'ms';
import type { FlotillaMigration } from '../migration/declaration.js';
import { findingOf } from './finding.js';
import type { Finding } from './plan.js';

export const PHASES = ['expand', 'backfill', 'constrain', 'contract'] as const;
export type Phase = (typeof PHASES)[number];

/** A migration, and what its file says of itself. */
export interface Phased {
  readonly name: string;
  readonly declares?: Pick<FlotillaMigration, 'phase' | 'after' | 'bake' | 'flags' | 'appVersion'>;
}

export const isContract = ({ declares }: Phased): boolean => declares?.phase === 'contract';

const parentsOf = ({ declares }: Phased): readonly string[] => declares?.after ?? [];

/**
 * What is wrong with how files are tied together, all at once. A parent has to be older, so that no cycle can stand: one of its links names a
 * newer file.
 * @param broken names of files that are there and do not load: who stands after one of them is no mistake of its own
 */
export function phaseMistakes(
  files: readonly Phased[],
  broken: readonly string[] = [],
): readonly { readonly name: string; readonly message: string }[] {
  const byName = new Map(files.map((file) => [file.name, file]));
  const mistakes = (file: Phased, parent: string): string[] => {
    if (parent === file.name) return ['flotilla.after: names the file itself'];
    const bare = parent.replace(/\.[cm]?[jt]s$/, '');
    if (bare !== parent) return [`flotilla.after: expected the name without its extension, "${bare}"`];
    const found = byName.get(parent);
    if (!found) return broken.includes(parent) ? [] : [`flotilla.after: there is no migration "${parent}"`];
    if (parent > file.name)
      return [`flotilla.after: "${parent}" is newer; what comes first has to be older${tiesBack(byName, parent, file.name)}`];
    const [own, before] = [file.declares?.phase, found.declares?.phase];
    if (own === undefined || before === undefined || PHASES.indexOf(own) >= PHASES.indexOf(before)) return [];
    return [`flotilla.phase: ${own} comes before ${before}, and not after it ("${parent}")`];
  };
  return files.flatMap((file) =>
    parentsOf(file).flatMap((parent) => mistakes(file, parent).map((message) => ({ name: file.name, message }))),
  );
}

const tiesBack = (byName: ReadonlyMap<string, Phased>, from: string, to: string): string =>
  lineage(byName, from).has(to) ? ', and this is a cycle' : '';

/** All that a migration comes after, directly or not. */
function lineage(
  byName: ReadonlyMap<string, Phased>,
  name: string,
  before: (file: Phased) => readonly string[] = parentsOf,
): ReadonlySet<string> {
  const seen = new Set<string>();
  const visit = (of: string): void => {
    for (const parent of before(byName.get(of) ?? { name: of })) {
      if (seen.has(parent)) continue;
      seen.add(parent);
      visit(parent);
    }
  };
  visit(name);
  return seen;
}

const byCodeUnit = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/** Migrations that belong together. */
export interface Change<File extends Phased = Phased> {
  /** Of its first migration. */
  readonly name: string;
  /** Oldest first. */
  readonly migrations: readonly File[];
}

/**
 * The changes that files declare: whatever has a phase, with all that is tied to it by `after`. What an expand builds on belongs to it only when it
 * has a phase too. Oldest first; plain files that nothing names are no change.
 */
export function changesOf<File extends Phased>(files: readonly File[]): readonly Change<File>[] {
  const byName = new Map(files.map((file) => [file.name, file]));
  const headOf = new Map<string, string>();
  const head = (name: string): string => {
    const up = headOf.get(name);
    return up === undefined || up === name ? name : head(up);
  };
  for (const file of files) {
    if (file.declares?.phase !== undefined) headOf.set(file.name, head(file.name));
    for (const parent of partsBefore(byName, file)) {
      const [first, second] = [head(parent), head(file.name)].sort(byCodeUnit);
      headOf.set(first!, first!);
      headOf.set(second!, first!);
    }
  }
  const groups = new Map<string, File[]>();
  for (const file of [...files].sort((a, b) => byCodeUnit(a.name, b.name))) {
    if (!headOf.has(file.name)) continue;
    groups.set(head(file.name), [...(groups.get(head(file.name)) ?? []), file]);
  }
  return [...groups.values()].map((migrations) => ({ name: migrations[0]!.name, migrations }));
}

/** Parents that belong to the same change. */
function partsBefore(byName: ReadonlyMap<string, Phased>, file: Phased): readonly string[] {
  const own = file.declares?.phase;
  const builds = own === undefined || own === 'expand';
  return parentsOf(file).filter((parent) => byName.has(parent) && !(builds && byName.get(parent)?.declares?.phase === undefined));
}

/** What of its own change comes before this migration; oldest first. */
export function partsBeforeOf(files: readonly Phased[], name: string): readonly string[] {
  const byName = new Map(files.map((file) => [file.name, file]));
  return [...lineage(byName, name, (file) => partsBefore(byName, file))].sort(byCodeUnit);
}

/** What comes after a migration, oldest first: newer parts of its change, and whatever names it in `after`, directly or not. */
export function partsAfter<File extends Phased>(files: readonly File[], name: string): readonly File[] {
  const byName = new Map(files.map((file) => [file.name, file]));
  const change = changesOf(files).find(({ migrations }) => migrations.some((part) => part.name === name));
  return files
    .filter((file) => file.name > name && (change?.migrations.includes(file) || lineage(byName, file.name).has(name)))
    .sort((a, b) => byCodeUnit(a.name, b.name));
}

/** What comes before a contract in its change, oldest first; nothing when it is none. */
export function partsBeforeContract<File extends Phased>(files: readonly File[], name: string): readonly File[] {
  const parts = files.some((file) => file.name === name && isContract(file)) ? partsBeforeOf(files, name) : [];
  return files.filter((file) => parts.includes(file.name));
}

/** Contracts that take away what this migration made: where one is applied, its checks have nothing to look at any more. */
export const contractsAfter = (files: readonly Phased[], name: string): readonly string[] =>
  files.filter((file) => isContract(file) && partsBeforeOf(files, file.name).includes(name)).map((file) => file.name);

/**
 * Phases that a tenant has behind it once these migrations were applied to it, in this order: the last of the phase is among them. Down: phases that it
 * has left, for the first of the phase was taken back.
 */
export function phasesEndedBy(
  files: readonly Phased[],
  names: readonly string[],
  direction: 'up' | 'down',
): readonly { readonly change: string; readonly phase: Phase; readonly migration: string }[] {
  return changesOf(files).flatMap(({ name: change, migrations }) =>
    PHASES.flatMap((phase) => {
      const migration = migrations.filter(({ declares }) => declares?.phase === phase).at(direction === 'up' ? -1 : 0)?.name;
      return migration !== undefined && names.includes(migration) ? [{ change, phase, migration }] : [];
    }),
  );
}

/** Where the active tenants of the fleet stand with one migration, and what rollouts have done about it. */
export interface FleetStanding {
  readonly migration: string;
  readonly has: number;
  readonly lacks: number;
  /** Of those who lack it: they were there when it was rolled out to the fleet. The others were born later. */
  readonly left: number;
  /** Of those who lack it: something else is applied to them. */
  readonly inUse: number;
  /** First few who lack it, those who were left first. */
  readonly sample: readonly string[];
  /** A rollout over the whole fleet applied it, and has ended. */
  readonly rolledOut: boolean;
  /** One of them has succeeded, and was not taken back. */
  readonly succeeded: boolean;
  /** The open rollout that applies it. */
  readonly open?: string;
  /** When the last rollout that applied it to the fleet ended; undefined: none on record has. */
  readonly endedAtMs?: number;
}

/** What is known when a plan that holds a contract is judged. */
export interface ContractFacts {
  readonly nowMs: number;
  /** false: nobody has ever looked at the whole fleet. */
  readonly fleetKnown: boolean;
  readonly contract: FleetStanding;
  /** What comes before it in its change. */
  readonly parents: readonly FleetStanding[];
}

/** The whole fleet went through it: whoever lacks it is a straggler or was born later, and nobody reads the old form any more. */
export const isOver = ({ succeeded, has, inUse }: FleetStanding): boolean => succeeded || (has > 0 && inUse === 0);

/** Why it is too early for one contract; nothing: it is not. */
export function judgeContract({ name, declares }: Phased, facts: ContractFacts): readonly Finding[] {
  if (isOver(facts.contract)) return [];
  const soon = tooSoon(name, facts);
  return soon.length > 0 || declares?.bake === undefined ? soon : baking(name, declares.bake, facts);
}

/** The last migration that may go out when these contracts may not; undefined: there is none. */
export function lastBefore(files: readonly Phased[], contracts: readonly string[]): string | undefined {
  const [first] = [...contracts].sort(byCodeUnit);
  return first === undefined ? undefined : files.filter(({ name }) => name < first).at(-1)?.name;
}

function tooSoon(name: string, { fleetKnown, parents }: ContractFacts): readonly Finding[] {
  if (!fleetKnown)
    return [findingOf('error', 'FLT_CONTRACT_TOO_SOON', name, `${name} is a contract, and nobody has looked at the whole fleet yet.`)];
  const open = parents.find((it) => it.open !== undefined);
  if (open)
    return [
      findingOf(
        'error',
        'FLT_CONTRACT_TOO_SOON',
        name,
        `${name} may not go out yet: rollout ${open.open}, which applies ${open.migration}, is open.`,
      ),
    ];
  const lacking = parents.filter((it) => (it.rolledOut ? it.left : it.lacks) > 0);
  if (lacking.length === 0) return [];
  const worst = lacking.reduce((most, it) => (it.lacks > most.lacks ? it : most));
  const names = lacking.map(({ migration }) => migration).join(', ');
  const why = lacking.some((it) => !it.rolledOut)
    ? `${names} ${lacking.length === 1 ? 'has' : 'have'} to reach the whole fleet first, in a rollout of ${lacking.length === 1 ? 'its' : 'their'} own`
    : `there are tenants that still lack ${names}`;
  return [
    {
      ...findingOf('error', 'FLT_CONTRACT_TOO_SOON', name, `${name} may not go out yet: ${why}.`),
      tenants: worst.rolledOut ? worst.left : worst.lacks,
      sample: worst.sample,
    },
  ];
}

function baking(name: string, bake: string, { nowMs, parents }: ContractFacts): readonly Finding[] {
  const ended = parents.flatMap(({ endedAtMs }) => (endedAtMs === undefined ? [] : [endedAtMs]));
  if (ended.length === 0)
    return [
      findingOf(
        'warning',
        'FLT_BAKING',
        name,
        `No rollout on record has applied what ${name} comes after: whether ${bake} have passed is not known.`,
      ),
    ];
  const untilMs = Math.max(...ended) + ms(bake as ms.StringValue);
  if (nowMs >= untilMs) return [];
  return [
    findingOf(
      'error',
      'FLT_BAKING',
      name,
      `${name} waits until ${new Date(untilMs).toISOString()}: ${bake} after what it comes after was rolled out.`,
    ),
  ];
}

export interface UnconfirmedFlag {
  readonly flag: string;
  readonly why: string;
}

/** One finding that names all flags which are not confirmed. */
export function judgeFlags(name: string, unconfirmed: readonly UnconfirmedFlag[]): readonly Finding[] {
  if (unconfirmed.length === 0) return [];
  const flags = unconfirmed.map(({ flag, why }) => `"${flag}" (${why})`).join(', ');
  return [findingOf('error', 'FLT_FLAG_NOT_CONFIRMED', name, `${name} needs flags that are not confirmed: ${flags}.`)];
}
