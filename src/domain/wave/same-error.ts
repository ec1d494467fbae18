/** The same error again and again says that the migration is wrong, not the tenants: it halts a wave that its budget would still let run. */

export interface SameErrorThreshold {
  /** As many with the same error… */
  readonly count: number;
  /** …among the last so many tenants that settled. */
  readonly window: number;
}

/** The newest last; '' is a success. */
export type Settled = readonly string[];

/**
 * What makes two errors the same: their code, and their message without what names the tenant or a value (quoted text, numbers, hex).
 * @param names the tenant's id and schema
 */
export function errorFingerprint(code: string, message: string, names: readonly string[]): string {
  let text = message;
  for (const name of [...names].sort((a, b) => b.length - a.length)) if (name !== '') text = text.replaceAll(name, '…');
  text = text
    .replace(/"[^"]*"|'[^']*'/g, '…')
    .replace(/\b[0-9a-f-]*\d[0-9a-f-]*\b/gi, '#')
    .replace(/\s+/g, ' ');
  return `${code} ${text}`.slice(0, 200);
}

export const settle = (before: Settled, now: readonly string[], { window }: SameErrorThreshold): Settled =>
  now.length >= window ? now.slice(-window) : [...before, ...now].slice(-window);

/** The error that has come too often, with how often; undefined: none has. */
export function systemic(
  settled: Settled,
  { count }: SameErrorThreshold,
): { readonly fingerprint: string; readonly count: number } | undefined {
  const times = new Map<string, number>();
  for (const fingerprint of settled) {
    if (fingerprint === '') continue;
    const n = (times.get(fingerprint) ?? 0) + 1;
    if (n >= count) return { fingerprint, count: settled.filter((it) => it === fingerprint).length };
    times.set(fingerprint, n);
  }
  return undefined;
}
