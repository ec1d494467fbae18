/** Makes of each tenant's position what a plan keeps of it, and collects what is found on the way. Pure. */

import type { Acceptance } from '../control/accepted-checksums.js';
import type { ScannedTenant } from '../control/plan-tenants.js';
import type { EditedSource, Finding } from '../domain/plan.js';
import type { Position } from '../postgres/contract.js';
import { createEditedSources } from './edited-sources.js';
import { createJudge, judgeIdentity, type KnownFile } from './judge-position.js';
import { createFindings } from './scan-findings.js';

export interface Settler {
  settle(position: Position): ScannedTenant;
  findings(): readonly Finding[];
  edited(): readonly EditedSource[];
}

export interface SettlerOptions {
  /** Oldest first. */
  readonly files: readonly KnownFile[];
  /** Newest migration that tenants shall have. @defaultValue the newest file */
  readonly to?: string | undefined;
  /** Only the backfill of this migration is run, where that is applied. */
  readonly backfill?: string | undefined;
  readonly acceptances: readonly Pick<Acceptance, 'migration' | 'checksum'>[];
  /** Knex's history table. */
  readonly table: string;
}

export function createSettler({ files, to, backfill, acceptances, table }: SettlerOptions): Settler {
  const checksums = new Map(files.map((file) => [file.name, file.checksum]));
  // Of the file as it stands: an acceptance of what it was before says nothing any more
  const accepted = new Set(acceptances.filter((it) => checksums.get(it.migration) === it.checksum).map((it) => it.migration));
  const judge = createJudge({ files, to, accepted });
  const findings = createFindings();
  const edited = createEditedSources();

  const blocked = ({ id, applied }: Position, reason: 'FLT_SCHEMA_MISSING' | 'FLT_IDENTITY_MISMATCH'): ScannedTenant => {
    findings.add(reason, {}, id);
    return { id, state: 'blocked', reason, applied: applied?.length ?? 0, pending: [] };
  };

  return {
    findings: () => findings.list(),
    edited: () => edited.list(),
    settle(position) {
      const { id, applied, halfWay } = position;
      if (applied === undefined) return blocked(position, 'FLT_SCHEMA_MISSING');
      const whose = judgeIdentity(position);
      // What else its bookkeeping says is said of another tenant
      if (whose === 'another') return blocked(position, 'FLT_IDENTITY_MISMATCH');
      if (whose === 'restored') findings.add('FLT_RESTORED', {}, id);
      const judgement = judge(position);
      for (const migration of judgement.edited) findings.add('FLT_CHECKSUM_DRIFT', { migration }, id);
      for (const migration of judgement.missing) findings.add('FLT_HISTORY_MISSING_FILE', { migration }, id);
      if (backfill === undefined) for (const migration of judgement.outOfOrder) findings.add('FLT_OUT_OF_ORDER', { migration }, id);
      for (const migration of judgement.doubled) findings.add('FLT_HISTORY_DUPLICATE', { migration }, id);
      for (const renaming of judgement.renamed) findings.add('FLT_HISTORY_RENAMED', { ...renaming, table }, id);
      for (const { migration, direction } of halfWay) findings.add('FLT_PARTIAL', { migration, direction }, id);
      for (const migration of [...judgement.edited, ...judgement.accepted])
        edited.add({ migration, checksum: checksums.get(migration)!, accepted: accepted.has(migration) }, position.checksums[migration]!);
      const at = { id, ...(judgement.position === undefined ? {} : { position: judgement.position }), applied: applied.length };
      if (backfill !== undefined) {
        if (applied.includes(backfill)) return { ...at, state: 'pending', pending: [backfill] };
        findings.add('FLT_NOT_APPLIED', { migration: backfill }, id);
        return { ...at, state: 'skipped', reason: 'FLT_NOT_APPLIED', pending: [] };
      }
      return {
        ...at,
        state: judgement.pending.length ? 'pending' : 'upToDate',
        pending: judgement.pending,
      };
    },
  };
}
