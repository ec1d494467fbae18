/** Collects the sources that tenants have applied migrations from, where they are not the file's. */

import type { EditedSource } from '../domain/plan.js';

/** More than a file was ever edited; what goes beyond is drift in the attempt. */
const MOST = 50;

export interface EditedSources {
  add(source: Pick<EditedSource, 'migration' | 'checksum' | 'accepted'>, applied: string): void;
  list(): readonly EditedSource[];
}

export function createEditedSources(): EditedSources {
  const found = new Map<string, { readonly source: Omit<EditedSource, 'others'>; readonly others: Set<string> }>();
  return {
    add(source, applied) {
      const it = found.get(source.migration) ?? { source, others: new Set<string>() };
      found.set(source.migration, it);
      if (it.others.size < MOST) it.others.add(applied);
    },
    list: () => [...found.values()].map(({ source, others }) => ({ ...source, others: [...others].sort() })),
  };
}

/** What the plan lets tenants have applied a migration from, besides the file of this checksum. */
export function acceptedSources(edited: readonly EditedSource[], migration: string, checksum: string): readonly string[] {
  const fits = edited.filter((it) => it.migration === migration && it.accepted && it.checksum === checksum);
  return [...new Set(fits.flatMap((it) => it.others))].sort();
}
