import { createHash } from 'node:crypto';
import { pinsWithin } from '../control/holds.js';
import { countHosts, countPositions, countStates, setStates, stopAt } from '../control/plan-tenants.js';
import { storeSummary } from '../control/plans.js';
import { unclearTenants } from '../control/rollout-tenants.js';
import { canonicalJson } from '../domain/canonical-json.js';
import { ERROR_CODES, type ErrorCode } from '../domain/error-codes.js';
import { FlotillaError } from '../domain/errors.js';
import { gatesOffFindings, turnOff } from '../domain/gates-off.js';
import { closurePin, type Finding, type PlannedMigration, type PlanSummary } from '../domain/plan.js';
import { contractGates } from '../domain/planned-gates.js';
import type { ResolvedStrategy } from '../domain/resolve-strategy.js';
import { notValidated, uncheckedContracts } from '../domain/unchecked-data.js';
import type { MigrationFile } from '../engines/engine.js';
import type { Activities } from './contract.js';
import type { ActivityDeps } from './deps.js';
import { acceptedSources } from './edited-sources.js';
import { findEarlyIndexes } from './find-early-indexes.js';
import { type JudgedPlan, judgePhases } from './judge-phases.js';
import { placeWaves } from './place-waves.js';
import { mergeFindings } from './scan-findings.js';
import { strategyFor } from './strategy-for.js';
import { unknownTenants } from './unknown-tenants.js';

type FreezeInput = Parameters<Activities['freezePlan']>[0];

const SAMPLE = 5;

/**
 * Makes the waves and says exactly what a rollout would do. Stores the plan under its id; it is frozen unless this is only a check, nothing
 * is pending, or a finding is an error. Safe to repeat: a plan that is stored already is answered as it stands.
 */
export const createFreezePlan =
  (deps: ActivityDeps): Activities['freezePlan'] =>
  async (input) => {
    const { files } = await deps.engine.list();
    let to = target(files, input.backfill ?? input.to);
    if (input.backfill !== undefined && !files.some(({ name, declares }) => name === to && declares?.backfill))
      throw new FlotillaError('FLT_NO_BACKFILL', `${to} declares no backfill.`, { migration: to });
    const unknown = await unknownTenants(deps, input.planId, input.tenants);
    const findings: Finding[] = [...input.findings, ...(unknown ? [unknown] : [])];
    await holdBack(deps, input, findings);

    const operation = input.backfill === undefined ? undefined : ('backfill' as const);
    const strategyOf = (pending: number) => strategyFor(deps, input, pending);
    const onDemand = input.mode === 'tenant';
    const excluded = strategyOf(0).exclude;
    if (excluded.length && !onDemand) await setStates(deps.control, input.planId, excluded, 'skipped', 'excluded by the strategy');
    const strategy = strategyOf((await countStates(deps.control, input.planId)).pending ?? 0);
    const waves =
      input.mode === 'scan' || onDemand
        ? undefined
        : await placeWaves(deps, { hosts: deps.fleet.hosts, strategy, planId: input.planId }, strategy.unmatched === 'ignore');
    findings.push(...(waves?.findings ?? []));

    let migrations = await plannedMigrations(deps, input, files, to);
    const phases: JudgedPlan =
      input.mode === 'scan' || operation
        ? { findings: [], contracts: [] }
        : await judgePhases(deps, phasesOf(input), migrations, 'planning');
    if (onDemand && phases.before !== undefined) {
      // Somebody waits for it: it comes to where the fleet stands
      to = phases.before;
      await stopAt(deps.control, input.planId, to);
      migrations = await plannedMigrations(deps, input, files, to);
    }
    findings.push(...phases.findings.map((it): Finding => (onDemand ? { ...it, severity: 'warning' } : it)));

    const counts = await countStates(deps.control, input.planId);
    const total = Object.values(counts).reduce((n, count) => n + (count ?? 0), 0);
    if (total === 0 && !findings.some((finding) => finding.severity === 'error')) {
      const selected = input.tenants !== undefined || input.selector !== undefined;
      findings.push({
        severity: selected ? 'error' : 'warning',
        code: 'FLT_NO_TENANTS',
        message: selected ? 'The selection holds no tenant.' : 'The fleet holds no tenant.',
      });
    }
    const gates = turnOff(strategy.policy.gates, input.gatesOff ?? []);
    findings.push(...gatesOffFindings(gates));
    const planned = new Set(migrations.map(({ name }) => name));
    const contracts = phases.contracts.filter(({ name }) => planned.has(name));
    // Of a backfill run again, the rest of its file does nothing
    if (!operation)
      findings.push(
        ...sideEffects(files, planned),
        ...waivers(files, planned),
        ...notValidated(files, planned),
        ...uncheckedContracts(files, contracts),
        ...(await findEarlyIndexes(deps, files, planned)),
      );
    // Whoever would write like that may be held back by now
    const runs = ({ code, severity, migration }: Finding): boolean =>
      code !== 'FLT_BULK_WRITE' || severity !== 'warning' || planned.has(migration ?? '');
    const judged = mergeFindings(nobodyHasIt(allowOutOfOrder(findings.filter(runs), strategy), counts.pending ?? 0));
    const frozen =
      (input.mode === 'freeze' || onDemand) && (counts.pending ?? 0) > 0 && !judged.some((finding) => finding.severity === 'error');
    const content = {
      ...(operation ? { operation } : {}),
      fleet: input.fleet,
      environment: deps.fleet.environment ?? 'development',
      to,
      migrations,
      waves: waves?.waves ?? [],
      policy: {
        ...strategy.policy,
        gates: [...gates, ...contractGates(phases.contracts)],
        ...(waves?.maxFailures === undefined ? {} : { maxFailures: waves.maxFailures }),
        // Whoever asks for one tenant means now
        ...(onDemand ? { gates: [], windows: [] } : {}),
        ...(operation ? nothingTakenBack(strategy) : {}),
      },
    };
    const digest = createHash('sha256')
      .update(canonicalJson({ ...content, placement: waves?.placement ?? null }))
      .digest('hex');
    const summary: PlanSummary = {
      ...content,
      planId: input.planId,
      digest,
      ...selectionOf(input),
      createdAt: new Date(input.startedAtMs).toISOString(),
      hosts: await countHosts(deps.control, input.planId),
      cells: input.cells,
      totals: {
        tenants: total,
        pending: counts.pending ?? 0,
        upToDate: counts.upToDate ?? 0,
        excluded: counts.skipped ?? 0,
        blocked: counts.blocked ?? 0,
      },
      findings: judged,
      frozen,
      durationMs: Date.now() - input.startedAtMs,
    };
    // Where the fleet stands is not asked of a plan that calls pending what is applied
    return storeSummary(deps.control, summary, isWhole(input) && !operation);
  };

/** A backfill is not taken back, and whoever comes meanwhile is filled with the migration. */
const nothingTakenBack = ({ policy }: ResolvedStrategy): Pick<ResolvedStrategy['policy'], 'onBreach' | 'onGateFail' | 'membership'> => ({
  onBreach: policy.onBreach === 'continue' ? 'continue' : 'halt',
  onGateFail: 'halt',
  membership: 'snapshot',
});

/** Where no tenant has the migration, its backfill was not meant. */
const nobodyHasIt = (findings: readonly Finding[], pending: number): readonly Finding[] =>
  pending > 0 ? findings : findings.map((it) => (it.code === 'FLT_NOT_APPLIED' ? { ...it, severity: 'error' as const } : it));

const isWhole = ({ tenants, selector }: Pick<FreezeInput, 'tenants' | 'selector'>): boolean =>
  tenants === undefined && selector === undefined;

const phasesOf = ({ fleet, planId, ...input }: FreezeInput): Parameters<typeof judgePhases>[1] => ({
  fleet,
  planId,
  whole: isWhole(input),
  ...(input.tenants === undefined ? {} : { tenants: input.tenants }),
});

function selectionOf({ tenants, selector }: FreezeInput): Pick<PlanSummary, 'selection'> {
  if (tenants === undefined && selector === undefined) return {};
  return { selection: { ...(tenants === undefined ? {} : { tenants }), ...(selector === undefined ? {} : { selector }) } };
}

/** Newest migration that every tenant shall have. The scan has said so when it does not exist. */
function target(files: readonly MigrationFile[], to: string | undefined): string {
  return to?.replace(/\.[cm]?[jt]s$/, '') ?? files.at(-1)?.name ?? '';
}

/** Pinned tenants take this migration no more than any later one; those of which something may stay behind from an older rollout wait for a person. */
async function holdBack(deps: ActivityDeps, { fleet, planId, force = false }: FreezeInput, findings: Finding[]): Promise<void> {
  const pinned = force ? [] : (await pinsWithin(deps.control, fleet, planId)).map(({ tenant }) => tenant);
  if (pinned.length > 0)
    findings.push({ ...(await block('FLT_PINNED', pinned)), severity: 'info', message: `${are(pinned)} pinned, and held back.` });
  const unclear = (await unclearTenants(deps.control, fleet, planId)).map(({ id }) => id);
  if (unclear.length > 0)
    findings.push({
      ...(await block('FLT_UNRESOLVED_FAILURE', unclear)),
      severity: 'warning',
      message: `${are(unclear)} held back: an older rollout left ${unclear.length === 1 ? 'it' : 'them'} unclear.`,
      remedy: 'Retry, skip or roll back these parked tenants first.',
    });

  async function block(code: ErrorCode, ids: readonly string[]): Promise<Pick<Finding, 'code' | 'remedy' | 'tenants' | 'sample'>> {
    await setStates(deps.control, planId, ids, 'blocked', code);
    return { code, remedy: ERROR_CODES[code].remedy, tenants: ids.length, sample: ids.slice(0, SAMPLE) };
  }
}

const are = (ids: readonly string[]): string => `${ids.length} ${ids.length === 1 ? 'tenant is' : 'tenants are'}`;

/** What some pending tenant lacks, with what is known of the way back before anything ran. */
async function plannedMigrations(
  deps: ActivityDeps,
  { planId, edited = [], backfill }: FreezeInput,
  files: readonly MigrationFile[],
  to: string,
): Promise<PlanSummary['migrations']> {
  const operation = backfill === undefined ? undefined : 'backfill';
  const candidates = files.filter(({ name }) => (operation ? name === to : name <= to));
  const counts = await countPositions(
    deps.control,
    planId,
    candidates.map((file) => file.name),
  );
  return candidates.flatMap((file) => {
    const { applied, pending } = counts[file.name] ?? { applied: 0, pending: 0 };
    if (pending === 0) return [];
    const { name, checksum, closure, transactional } = file;
    const accepted = acceptedSources(edited, name, checksum);
    return [
      {
        name,
        checksum,
        ...(accepted.length ? { accepted } : {}),
        closure: closurePin(closure, operation),
        transactional,
        ...(file.declares?.backfill ? { backfill: true as const } : {}),
        reversible: operation ? NOT_TAKEN_BACK : reversible(file),
        appliedBefore: applied,
      },
    ];
  });
}

/** What happens outside the database is neither once per tenant nor taken back. */
const sideEffects = (files: readonly MigrationFile[], planned: ReadonlySet<string>): Finding[] =>
  files.flatMap(({ name, declares: { sideEffects, owner } = {} }) =>
    sideEffects === undefined || !planned.has(name)
      ? []
      : [
          {
            severity: 'info',
            code: 'FLT_SIDE_EFFECTS',
            message: `${name} has effects outside the database: ${sideEffects}.${owner === undefined ? '' : ` Its owner is ${owner}.`}`,
            migration: name,
          },
        ],
  );

/** What a file has waved through is known to whoever starts it. */
const waivers = (files: readonly MigrationFile[], planned: ReadonlySet<string>): Finding[] =>
  files.flatMap(({ name, declares: { waive = {} } = {} }) =>
    !planned.has(name)
      ? []
      : Object.entries(waive).map(([code, reason]) => ({
          severity: 'info',
          code,
          message: `${name} waives ${code}: ${reason}.`,
          migration: name,
        })),
  );

const NOT_TAKEN_BACK: PlannedMigration['reversible'] = {
  verdict: 'no',
  code: 'FLT_BACKFILL_STAYS',
  why: 'what rows held before is kept nowhere',
};

function reversible(file: MigrationFile): PlannedMigration['reversible'] {
  const { irreversible } = file.declares ?? {};
  if (irreversible !== undefined) return { verdict: 'no', code: 'FLT_IRREVERSIBLE', why: `declared irreversible: ${irreversible}` };
  if (!file.hasDown) return { verdict: 'no', code: 'FLT_NO_DOWN', why: 'it has no down' };
  if (!file.transactional) return { verdict: 'notAsOne', why: 'it runs outside a transaction, and so does the way back' };
  return { verdict: 'expected' };
}

/** The scan does not know the strategy: a file out of order is an error to it. */
function allowOutOfOrder(findings: readonly Finding[], { policy }: ResolvedStrategy): readonly Finding[] {
  if (policy.outOfOrder === 'refuse') return findings;
  return findings.map((finding) => (finding.code === 'FLT_OUT_OF_ORDER' ? { ...finding, severity: 'info' as const } : finding));
}
