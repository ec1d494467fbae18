/** Compares one tenant's history with this worker's files. Pure. */

import type { Position } from '../postgres/contract.js';
import { withoutExtension } from '../postgres/ledger.js';

export interface KnownFile {
  readonly name: string;
  /** As Knex writes it: with its extension. */
  readonly fileName: string;
  readonly checksum: string;
}

export interface Judgement {
  /** Files up to the target that the tenant lacks, oldest first. */
  readonly pending: readonly string[];
  /** Newest applied migration. */
  readonly position?: string;
  /** Applied, or marked as applied, from a file that has been edited since. */
  readonly edited: readonly string[];
  /** The same, where the file was accepted as it stands. */
  readonly accepted: readonly string[];
  /** In the history, and no file has it. */
  readonly missing: readonly string[];
  /** Pending, and older than the newest applied. */
  readonly outOfOrder: readonly string[];
  /** Extensions that the history names where the files have others: the same migrations to us, and strangers to Knex. */
  readonly renamed: readonly Renaming[];
  /** Standing in the history more than once. */
  readonly doubled: readonly string[];
}

export interface Renaming {
  /** As the history has it: `.ts` */
  readonly from: string;
  /** As the file has it: `.js` */
  readonly to: string;
}

export interface Yardstick {
  /** Oldest first. */
  readonly files: readonly KnownFile[];
  /** Newest migration that tenants shall have. @defaultValue the newest file */
  readonly to?: string | undefined;
  /** Migrations whose file, as it stands, is accepted in place of whatever was applied. */
  readonly accepted: ReadonlySet<string>;
}

/** @returns a function, so that work shared by all tenants is done once */
export function createJudge({ files, to, accepted }: Yardstick): (position: Position) => Judgement {
  const known = new Map(files.map((file) => [file.name, file]));
  const wanted = files.filter((file) => to === undefined || file.name <= to).map((file) => file.name);
  return ({ applied = [], written, checksums }) => {
    const done = new Set(applied);
    let newest: string | undefined;
    for (const name of applied) if (newest === undefined || name > newest) newest = name;
    const pending = wanted.filter((name) => !done.has(name));
    const differing = applied.filter((name) => {
      const file = known.get(name);
      return file !== undefined && checksums[name] !== undefined && checksums[name] !== file.checksum;
    });
    return {
      pending,
      ...(newest === undefined ? {} : { position: newest }),
      edited: differing.filter((name) => !accepted.has(name)),
      accepted: differing.filter((name) => accepted.has(name)),
      missing: applied.filter((name) => !known.has(name)),
      outOfOrder: newest === undefined ? [] : pending.filter((name) => name < newest),
      renamed: renamings(written, known),
      doubled: written.length === applied.length ? [] : doubles(written),
    };
  };
}

function renamings(written: readonly string[], known: ReadonlyMap<string, KnownFile>): readonly Renaming[] {
  const found = new Map<string, Renaming>();
  for (const fileName of written) {
    const name = withoutExtension(fileName);
    const file = known.get(name);
    if (!file || file.fileName === fileName) continue;
    const renaming = { from: fileName.slice(name.length), to: file.fileName.slice(name.length) };
    found.set(`${renaming.from} ${renaming.to}`, renaming);
  }
  return [...found.values()];
}

function doubles(written: readonly string[]): readonly string[] {
  const seen = new Set<string>();
  const twice = new Set<string>();
  for (const name of written.map(withoutExtension)) (seen.has(name) ? twice : seen).add(name);
  return [...twice];
}

/** Whose ledger a tenant's schema carries: its own, its own brought here by a dump or a copy, or that of another tenant. */
export function judgeIdentity({ id, identity }: Pick<Position, 'id' | 'identity'>): 'own' | 'restored' | 'another' {
  if (!identity) return 'own';
  if (identity.tenant !== id) return 'another';
  return identity.copied ? 'restored' : 'own';
}
