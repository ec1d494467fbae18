/** Choices that look random and come out the same for the same seed: on a retry, on a restart, in a replay. */

/** FNV-1a, 32 bits, finished with murmur's mixer. http://www.isthe.com/chongo/tech/comp/fnv/ */
export function seededHash(seed: string, text: string): number {
  let hash = 0x811c9dc5;
  for (const char of `${seed}\0${text}`) hash = Math.imul(hash ^ char.codePointAt(0)!, 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

/** The items in the seed's order. */
export function seededOrder<T>(items: readonly T[], seed: string, key: (item: T) => string): T[] {
  return items
    .map((item) => ({ item, rank: seededHash(seed, key(item)) }))
    .sort((a, b) => a.rank - b.rank || (key(a.item) < key(b.item) ? -1 : 1))
    .map(({ item }) => item);
}
