import { acceptanceOf, acceptChecksum } from '../../control/accepted-checksums.js';
import { recordEvents } from '../../control/events.js';
import { FlotillaError } from '../../domain/errors.js';
import type { AdminAnswers } from '../../workflows/admin-messages.js';
import type { Activities } from '../contract.js';
import type { ActivityDeps } from '../deps.js';
import { mergeFindings } from '../scan-findings.js';
import { knownMigration } from './open-tending.js';

/**
 * Accepts the file of a migration as it now stands, when a scan has found tenants that applied it from another source. Safe to repeat: what
 * the scan found is given, so a second try answers as the first. @throws FLT_UNKNOWN_MIGRATION, FLT_MIGRATION_MISMATCH
 */
export const createAcceptChecksum =
  (deps: ActivityDeps): Activities['acceptChecksum'] =>
  async ({ fleet, migration: asked, edited, findings, actor, reason, requestId }) => {
    const { files, problems } = await deps.engine.list();
    const { name, checksum } = knownMigration(asked, files, problems);
    const seen = edited.filter((it) => it.migration === name);
    if (seen.some((it) => it.checksum !== checksum))
      throw new FlotillaError('FLT_MIGRATION_MISMATCH', `The workers have different files of ${name}; a deploy may still be rolling.`, {
        migration: name,
      });
    const all = mergeFindings(findings);
    const drift = all.find((it) => it.code === 'FLT_CHECKSUM_DRIFT' && it.migration === name);
    const answer = {
      migration: name,
      checksum,
      tenants: drift?.tenants ?? 0,
      sample: drift?.sample ?? [],
      findings: all.filter((it) => it.severity === 'error' && it !== drift),
    };
    if (!drift) return { ...answer, ...(await withoutDrift(deps, fleet, name, checksum)) };
    const given = reason === undefined ? {} : { reason };
    await acceptChecksum(deps.control, fleet, { migration: name, checksum, actor, ...given });
    await recordEvents(deps.control, fleet, undefined, [
      { actor, ...given, requestId, verb: 'repair', subject: `${name}, ${answer.tenants} tenants`, atMs: Date.now() },
    ]);
    return { ...answer, outcome: 'accepted' };
  };

async function withoutDrift(
  deps: ActivityDeps,
  fleet: string,
  migration: string,
  checksum: string,
): Promise<Pick<AdminAnswers['repair'], 'outcome' | 'before'>> {
  const before = await acceptanceOf(deps.control, fleet, migration, checksum);
  if (!before) return { outcome: 'nothingDrifted' };
  const { actor, at, reason } = before;
  return { outcome: 'acceptedBefore', before: { actor, at: at.toISOString(), ...(reason === null ? {} : { reason }) } };
}
