/** Compares one tenant's history with this worker's files. Pure. */

import type { Position } from '../postgres/contract.js';

export interface KnownFile {
  readonly name: string;
  readonly checksum: string;
}

export interface Judgement {
  /** Files up to the target that the tenant lacks, oldest first. */
  readonly pending: readonly string[];
  /** Newest applied migration. */
  readonly position?: string;
  /** Applied by Flotilla from a file that has been edited since. */
  readonly edited: readonly string[];
  /** In the history, and no file has it. */
  readonly missing: readonly string[];
  /** Pending, and older than the newest applied. */
  readonly outOfOrder: readonly string[];
}

/** @param files oldest first; `to` is the newest that tenants shall have. @returns a function, so that work shared by all tenants is done once */
export function createJudge(files: readonly KnownFile[], to: string | undefined): (position: Position) => Judgement {
  const checksums = new Map(files.map((file) => [file.name, file.checksum]));
  const wanted = files.filter((file) => to === undefined || file.name <= to).map((file) => file.name);
  return ({ applied = [], checksums: ledger }) => {
    const done = new Set(applied);
    let newest: string | undefined;
    for (const name of applied) if (newest === undefined || name > newest) newest = name;
    const pending = wanted.filter((name) => !done.has(name));
    return {
      pending,
      ...(newest === undefined ? {} : { position: newest }),
      edited: applied.filter((name) => {
        const known = checksums.get(name);
        return known !== undefined && ledger[name] !== undefined && ledger[name] !== known;
      }),
      missing: applied.filter((name) => !checksums.has(name)),
      outOfOrder: newest === undefined ? [] : pending.filter((name) => name < newest),
    };
  };
}
