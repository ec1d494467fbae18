/** Collects what is found, so that 10,000 tenants with the same trouble are one finding with a count, whichever cells they are in. */

import { bulkWriteMessage } from '../domain/bulk-write.js';
import { ERROR_CODES } from '../domain/error-codes.js';
import type { Finding } from '../domain/plan.js';
import type { HalfWay } from '../postgres/ledger.js';
import type { Renaming } from './judge-position.js';

const SAMPLE = 5;

/** What each finding tells of; tenants with the same of both are one finding. */
export interface About {
  FLT_CHECKSUM_DRIFT: { readonly migration: string };
  FLT_HISTORY_MISSING_FILE: { readonly migration: string };
  FLT_OUT_OF_ORDER: { readonly migration: string };
  FLT_HISTORY_RENAMED: Renaming & { readonly table: string };
  FLT_HISTORY_DUPLICATE: { readonly migration: string };
  FLT_IDENTITY_MISMATCH: Record<never, never>;
  FLT_RESTORED: Record<never, never>;
  FLT_NOT_APPLIED: { readonly migration: string };
  FLT_PARTIAL: Pick<HalfWay, 'migration' | 'direction'>;
  FLT_SCHEMA_MISSING: Record<never, never>;
}

interface Rule<A> {
  readonly severity: Finding['severity'];
  readonly message: (about: A) => string;
  /** @defaultValue what the catalogue says to do */
  readonly remedy?: (about: A) => string;
}

const RULES: { readonly [C in keyof About]: Rule<About[C]> } = {
  FLT_CHECKSUM_DRIFT: {
    severity: 'error',
    message: ({ migration }) => `${migration} was edited after it was applied.`,
    remedy: ({ migration }) =>
      `Restore the file and put the change into a new migration; or accept it as it stands: flotilla repair --checksum ${migration} --reason '…'`,
  },
  FLT_HISTORY_MISSING_FILE: {
    severity: 'error',
    message: ({ migration }) => `${migration} is in tenants' histories, and there is no such file.`,
  },
  FLT_OUT_OF_ORDER: { severity: 'error', message: ({ migration }) => `${migration} is pending, and older than what is already applied.` },
  FLT_HISTORY_RENAMED: {
    severity: 'info',
    message: ({ from, to }) => `Histories name files in "${from}" that end in "${to}" here; Knex's own command line calls that corrupt.`,
    remedy: ({ from, to, table }) =>
      `Nothing for Flotilla. For Knex: loadExtensions: ['${from}'] in the knexfile where such files are at hand, or in each tenant: update ${table} set name = regexp_replace(name, '${from.replace('.', '\\.')}$', '${to}');`,
  },
  FLT_HISTORY_DUPLICATE: { severity: 'warning', message: ({ migration }) => `${migration} stands more than once in tenants' histories.` },
  FLT_IDENTITY_MISMATCH: {
    severity: 'error',
    message: () => 'The ledger in the schema of a tenant is that of another tenant.',
  },
  FLT_RESTORED: {
    severity: 'warning',
    message: () => 'Restored from a dump, or copied, since Flotilla was last there: what was applied before can no longer be rolled back.',
  },
  FLT_NOT_APPLIED: {
    severity: 'warning',
    message: ({ migration }) => `${migration} is not applied there, so its backfill is not run again.`,
  },
  FLT_PARTIAL: {
    severity: 'warning',
    message: ({ migration, direction }) =>
      direction === 'up'
        ? `${migration} stopped half-way, or is running; what it did stays.`
        : direction === 'down'
          ? `The down of ${migration} stopped half-way, or is running; what it did stays.`
          : `The backfill of ${migration}, run again, stopped half-way, or is running; what it wrote stays.`,
    remedy: ({ migration, direction }) =>
      direction === 'up'
        ? ERROR_CODES.FLT_PARTIAL.remedy
        : direction === 'down'
          ? 'Correct the cause, then roll the tenant back again: it goes on where it stopped.'
          : `Nothing has to be done; flotilla backfill ${migration} runs it from the start.`,
  },
  FLT_SCHEMA_MISSING: { severity: 'error', message: () => 'The schema or database of a tenant does not exist.' },
};

/** What a scan may find. */
export const SCAN_FINDINGS = Object.entries(RULES).map(([code, { severity }]) => ({ code, severity }));

export interface Findings {
  add<C extends keyof About>(code: C, about: About[C], tenant: string): void;
  list(): readonly Finding[];
}

export function createFindings(): Findings {
  const found = new Map<string, { readonly finding: Finding; tenants: number; readonly sample: string[] }>();
  return {
    add(code, about, tenant) {
      const key = JSON.stringify([code, about]);
      let it = found.get(key);
      if (!it) {
        const { severity, message, remedy } = RULES[code];
        const finding: Finding = {
          severity,
          code,
          message: message(about),
          remedy: remedy?.(about) ?? ERROR_CODES[code].remedy,
          ...('migration' in about ? { migration: String(about.migration) } : {}),
        };
        it = { finding, tenants: 0, sample: [] };
        found.set(key, it);
      }
      it.tenants++;
      if (it.sample.length < SAMPLE) it.sample.push(tenant);
    },
    list: () => mergeFindings([...found.values()].map(({ finding, tenants, sample }) => ({ ...finding, tenants, sample }))),
  };
}

interface Merged {
  message: string;
  tenants?: number;
  sample?: string[];
  rows?: number;
}

/** One finding for each thing said, errors first; tenants are added up, of rows the most counts. */
export function mergeFindings(findings: readonly Finding[]): readonly Finding[] {
  const merged = new Map<string, Omit<Finding, 'message' | 'tenants' | 'sample' | 'rows'> & Merged>();
  for (const finding of findings) {
    const key = JSON.stringify([
      finding.severity,
      finding.code,
      finding.table === undefined ? finding.message : [finding.migration, finding.table],
    ]);
    const same = merged.get(key);
    if (!same) {
      const { tenants, sample, ...rest } = finding;
      merged.set(key, { ...rest, ...(tenants === undefined ? {} : { tenants }), ...(sample === undefined ? {} : { sample: [...sample] }) });
      continue;
    }
    if (finding.tenants !== undefined) same.tenants = (same.tenants ?? 0) + finding.tenants;
    if (finding.sample && (same.sample?.length ?? 0) < SAMPLE) same.sample = [...(same.sample ?? []), ...finding.sample].slice(0, SAMPLE);
    if (finding.rows !== undefined) same.rows = Math.max(same.rows ?? 0, finding.rows);
    const { migration, table, tenants, rows } = same;
    if (migration !== undefined && table !== undefined && tenants !== undefined && rows !== undefined)
      same.message = bulkWriteMessage({ migration, table, tenants, rows });
  }
  const rank = { error: 0, warning: 1, info: 2 } as const;
  return [...merged.values()].sort((a, b) => rank[a.severity] - rank[b.severity]);
}
