import { pinsOf } from '../control/holds.js';
import { unclearTenants } from '../control/rollout-tenants.js';
import { countOutside, sweepIn, sweptInto } from '../control/sweeps.js';
import type { Finding } from '../domain/plan.js';
import { sweepWave } from '../domain/sweep.js';
import { HOST_CONCURRENCY } from '../domain/wave-plan.js';
import type { Activities } from './contract.js';
import type { ActivityDeps } from './deps.js';
import { mergeFindings } from './scan-findings.js';

const MOST_TOLD = 20;

/** One more wave for tenants that came, or are free to go. Safe to repeat: who is in it already stays in it. */
export const createFreezeSweep =
  (deps: ActivityDeps): Activities['freezeSweep'] =>
  async ({ fleet, planId, rolloutId, sweep, wave, scanId, findings }) => {
    const { control } = deps;
    const summary = await deps.plans.summary(planId);
    let members = await sweptInto(control, planId, rolloutId, wave);
    if (members.length === 0) {
      const pinned = (await pinsOf(control, fleet)).map(({ tenant }) => ({ id: tenant, code: 'FLT_PINNED' }));
      const unclear = (await unclearTenants(control, fleet, scanId)).map(({ id }) => ({ id, code: 'FLT_UNRESOLVED_FAILURE' }));
      await sweepIn(control, {
        planId,
        rolloutId,
        scanId,
        wave,
        held: [...new Map([...unclear, ...pinned].map((it) => [it.id, it])).values()],
        excluded: summary.policy.exclude ?? [],
        migrations: summary.migrations.map(({ name }) => name),
      });
      members = await sweptInto(control, planId, rolloutId, wave);
    }
    const limits = (host: string) => deps.fleet.hosts[host]?.maxConcurrency ?? HOST_CONCURRENCY;
    const made = sweepWave(sweep, wave, summary.waves.at(-1)!, members, limits);
    return {
      ...(made ? { wave: made } : {}),
      outside: await countOutside(control, rolloutId),
      retaken: members.flatMap(({ id, before }) => (before === null ? [] : [{ id, wave: before }])),
      findings: news(findings, summary.findings),
    };
  };

/** What stands in a tenant's way, and what the plan has not said already. */
function news(found: readonly Finding[], planned: readonly Finding[]): readonly Finding[] {
  const known = new Set(planned.map(({ code, message }) => `${code} ${message}`));
  return mergeFindings(found)
    .filter(({ severity, code, message }) => severity !== 'info' && !known.has(`${code} ${message}`))
    .slice(0, MOST_TOLD);
}
