/** Where tenants live now, as the config's sources say: asked again while a rollout runs, and remembered for a while. */

import type { TenantRef } from '../domain/tenant.js';
import type { Hosts } from '../postgres/contract.js';
import { DEFAULT_CELL, hostsOfCell } from '../spec/cells.js';
import type { Fleet, TenantSource } from '../spec/fleet.js';
import { hostOfSource, readSource } from './tenant-sources.js';

/** Sources that name the host of each tenant are asked again after so long. */
const FRESH_MS = 30_000;

/** A worker reaches the hosts of its cell: sources on others are not asked. */
export interface TenantDirectory {
  /**
   * What the sources that name hosts themselves (lists, queries, functions) say of a tenant; at most half a minute old.
   * @param newerThanMs whoever asks has read the sources himself then: what was said before is not listened to
   * @returns undefined: they do not know it, or do not answer
   */
  lookUp(tenant: TenantRef, newerThanMs: number): Promise<TenantRef | undefined>;
  /**
   * Asks every source anew where a tenant is whose schema is missing.
   * @returns its place; `gone`: every source has answered and none names it, or it is deleted there; undefined: somebody does not answer
   */
  search(tenant: TenantRef): Promise<TenantRef | 'gone' | undefined>;
}

type Named = ReadonlyMap<string, TenantRef>;

/** A schema's own source finds no schema that has moved away; whoever lists tenants does. */
const namesHosts = (source: TenantSource): boolean => typeof source === 'function' || source.kind !== 'schemas';

export function createTenantDirectory(of: { readonly fleet: Fleet; readonly hosts: Hosts }): TenantDirectory {
  const cells = new Map<string, TenantDirectory>();
  const near = ({ host }: TenantRef): TenantDirectory => {
    const cell = of.fleet.hosts[host]?.cell ?? DEFAULT_CELL;
    const known = cells.get(cell) ?? createCellDirectory(of, cell);
    cells.set(cell, known);
    return known;
  };
  return {
    lookUp: (tenant, newerThanMs) => near(tenant).lookUp(tenant, newerThanMs),
    search: (tenant) => near(tenant).search(tenant),
  };
}

function createCellDirectory({ fleet, hosts }: { readonly fleet: Fleet; readonly hosts: Hosts }, cell: string): TenantDirectory {
  const inReach = hostsOfCell(fleet, cell);
  const sources = fleet.tenants
    .map((source, index) => ({ source, index }))
    .filter(({ source }) => hostOfSource(source) === undefined || inReach.includes(hostOfSource(source)!));
  const naming = sources.filter(({ source }) => namesHosts(source));
  const others = sources.filter(({ source }) => !namesHosts(source));
  const read = async (which: typeof sources): Promise<Named> => {
    const answers = await Promise.all(which.map(({ source, index }) => readSource(source, index, hosts)));
    // The first that names a tenant is right, as when the plan was made
    return new Map(
      answers
        .flat()
        .reverse()
        .map((tenant) => [tenant.id, tenant]),
    );
  };
  const nobody: Promise<Named> = Promise.resolve(new Map());
  let known = nobody;
  let asOfMs = Number.NEGATIVE_INFINITY;
  // Not compared with our own clock: whoever asks may have another
  let readForMs = Number.NEGATIVE_INFINITY;

  /** Answers what they say now. A source that is silent for a moment has said something `before`. */
  const refresh = (before: Promise<Named>): Promise<Named> => {
    asOfMs = Date.now();
    const now = read(naming);
    known = now.catch(() => before);
    return now;
  };

  return {
    async lookUp({ id }, newerThanMs) {
      if (naming.length === 0) return undefined;
      const outdated = newerThanMs > readForMs;
      if (outdated || Date.now() - asOfMs > FRESH_MS) {
        readForMs = Math.max(readForMs, newerThanMs);
        refresh(outdated ? nobody : known).catch(() => undefined);
      }
      return (await known).get(id);
    },
    async search({ id }) {
      try {
        // From here on whoever looks up hears the same
        const [named, seen] = await Promise.all([refresh(nobody), read(others)]);
        const found = named.get(id) ?? seen.get(id);
        return found === undefined || found.lifecycle === 'deleted' ? 'gone' : found;
      } catch {
        return undefined;
      }
    },
  };
}

/** Whether both say the same place. */
export const samePlace = (one: TenantRef, two: TenantRef): boolean =>
  one.host === two.host && one.database === two.database && (one.schema ?? 'public') === (two.schema ?? 'public') && one.role === two.role;
