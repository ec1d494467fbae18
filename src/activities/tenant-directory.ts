/** Where tenants live now, as the config's sources say: asked again while a rollout runs, and remembered for a while. */

import type { TenantRef } from '../domain/tenant.js';
import type { Hosts } from '../postgres/contract.js';
import type { Fleet, TenantSource } from '../spec/fleet.js';
import { DEFAULT_CELL, hostsOfCell } from './deps.js';
import { hostOfSource, readSource } from './tenant-sources.js';

/** Sources that name the host of each tenant are asked again after so long. */
const FRESH_MS = 30_000;

export interface TenantDirectory {
  /**
   * What the sources that name hosts themselves (lists, queries, functions) say of a tenant; at most half a minute old.
   * @param newerThanMs whoever asks has read the sources himself then: what was said before is not listened to
   * @returns undefined: they do not know it, or do not answer
   */
  lookUp(id: string, newerThanMs: number): Promise<TenantRef | undefined>;
  /**
   * Asks every source anew where a tenant is whose schema is missing.
   * @returns its place; `gone`: every source has answered and none names it, or it is deleted there; undefined: somebody does not answer
   */
  search(tenant: TenantRef): Promise<TenantRef | 'gone' | undefined>;
}

/** A schema's own source finds no schema that has moved away; whoever lists tenants does. */
const namesHosts = (source: TenantSource): boolean => typeof source === 'function' || source.kind !== 'schemas';

export function createTenantDirectory({ fleet, hosts }: { readonly fleet: Fleet; readonly hosts: Hosts }): TenantDirectory {
  const sources = fleet.tenants.map((source, index) => ({ source, index }));
  const read = async (of: typeof sources): Promise<ReadonlyMap<string, TenantRef>> => {
    const answers = await Promise.all(of.map(({ source, index }) => readSource(source, index, hosts)));
    // The first that names a tenant is right, as when the plan was made
    return new Map(
      answers
        .flat()
        .reverse()
        .map((tenant) => [tenant.id, tenant]),
    );
  };
  const naming = sources.filter(({ source }) => namesHosts(source));
  let known: Promise<ReadonlyMap<string, TenantRef>> = Promise.resolve(new Map<string, TenantRef>());
  let asOfMs = Number.NEGATIVE_INFINITY;
  // Not compared with our own clock: whoever asks may have another
  let readForMs = Number.NEGATIVE_INFINITY;

  /** Answers what they say now. A source that is silent for a moment has said something `before`. */
  const refresh = (before: ReadonlyMap<string, TenantRef>): Promise<ReadonlyMap<string, TenantRef>> => {
    asOfMs = Date.now();
    const now = read(naming);
    known = now.catch(() => before);
    return now;
  };

  return {
    async lookUp(id, newerThanMs) {
      if (naming.length === 0) return undefined;
      const outdated = newerThanMs > readForMs;
      if (outdated || Date.now() - asOfMs > FRESH_MS) {
        readForMs = Math.max(readForMs, newerThanMs);
        refresh(outdated ? new Map() : await known).catch(() => undefined);
      }
      return (await known).get(id);
    },
    async search(tenant) {
      // A worker reaches the hosts of its cell
      const near = hostsOfCell(fleet, fleet.hosts[tenant.host]?.cell ?? DEFAULT_CELL);
      const others = sources.filter(({ source }) => !namesHosts(source) && near.includes(hostOfSource(source)!));
      try {
        // From here on whoever looks up hears the same
        const [named, seen] = await Promise.all([refresh(new Map()), read(others)]);
        const found = named.get(tenant.id) ?? seen.get(tenant.id);
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
