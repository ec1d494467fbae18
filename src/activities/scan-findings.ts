/** Collects what is found, so that 10,000 tenants with the same trouble are one finding with a count, whichever cells they are in. */

import type { Finding } from '../domain/plan.js';

const SAMPLE = 5;

export interface Findings {
  add(code: keyof typeof SENTENCES, migration: string | undefined, tenant: string): void;
  list(): readonly Finding[];
}

const SENTENCES = {
  FLT_CHECKSUM_DRIFT: (migration: string | undefined) => `${migration} was edited after it was applied.`,
  FLT_HISTORY_MISSING_FILE: (migration: string | undefined) => `${migration} is in tenants' histories, and there is no such file.`,
  FLT_OUT_OF_ORDER: (migration: string | undefined) => `${migration} is pending, and older than what is already applied.`,
  FLT_SCHEMA_MISSING: () => 'The schema or database of a tenant does not exist.',
} as const;

export function createFindings(): Findings {
  const found: Finding[] = [];
  return {
    add: (code, migration, tenant) =>
      void found.push({
        severity: 'error',
        code,
        message: SENTENCES[code](migration),
        ...(migration === undefined ? {} : { migration }),
        tenants: 1,
        sample: [tenant],
      }),
    list: () => mergeFindings(found),
  };
}

/** One finding for each thing said, errors first; tenants are added up. */
export function mergeFindings(findings: readonly Finding[]): readonly Finding[] {
  const merged = new Map<string, Omit<Finding, 'tenants' | 'sample'> & { tenants?: number; sample?: string[] }>();
  for (const finding of findings) {
    const key = JSON.stringify([finding.severity, finding.code, finding.message]);
    const same = merged.get(key);
    if (!same) {
      const { tenants, sample, ...rest } = finding;
      merged.set(key, { ...rest, ...(tenants === undefined ? {} : { tenants }), ...(sample === undefined ? {} : { sample: [...sample] }) });
      continue;
    }
    if (finding.tenants !== undefined) same.tenants = (same.tenants ?? 0) + finding.tenants;
    if (finding.sample && (same.sample?.length ?? 0) < SAMPLE) same.sample = [...(same.sample ?? []), ...finding.sample].slice(0, SAMPLE);
  }
  const rank = { error: 0, warning: 1, info: 2 } as const;
  return [...merged.values()].sort((a, b) => rank[a.severity] - rank[b.severity]);
}
