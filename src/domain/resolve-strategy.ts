/** From the strategy as written to what a plan needs: presets filled in, durations in ms. Counts come later, from the frozen tenants. */

import ms from 'ms';
import type { IntOrPercent, Preset, StrategySpec, WaveSpec } from '../spec/strategy.js';
import type { OnBreach, RolloutPolicy } from './plan.js';
import { planGates } from './planned-gates.js';

export interface ResolvedWave {
  readonly name: string;
  readonly selector?: WaveSpec['selector'];
  readonly size?: IntOrPercent;
  readonly maxFailures: IntOrPercent;
  /** Lower bound of a percentage. */
  readonly minFailures: number;
  readonly maxConcurrency: number;
  readonly maxConcurrencyPerHost: number;
  readonly bakeMs: number;
}

export interface ResolvedCanary {
  /** Tenants at most; undefined: one per host. */
  readonly count?: number;
  /** What they shall differ in; undefined: the usual things. */
  readonly stratifyBy?: readonly string[];
  readonly include: readonly string[];
  readonly exclude: readonly string[];
  readonly seed?: string;
  readonly bakeMs: number;
}

export interface ResolvedStrategy {
  readonly policy: RolloutPolicy;
  readonly canary: ResolvedCanary | false;
  /** After the canary. */
  readonly waves: readonly ResolvedWave[];
  readonly unmatched: 'error' | 'remainder' | 'ignore';
  readonly exclude: readonly string[];
  /** Of the rollout; a percentage is of all its tenants. */
  readonly maxFailures?: IntOrPercent;
  readonly approval: 'never' | 'afterCanary' | 'everyWave' | readonly string[];
}

export interface StrategyRequest {
  /** A preset or a name in `strategies`. @defaultValue auto */
  readonly name?: string;
  readonly strategies?: Readonly<Record<string, StrategySpec>>;
  /** Pending tenants, by which `auto` chooses. */
  readonly pending: number;
  /** Every bake is 0. */
  readonly noBake: boolean;
  /** Goes before the strategy's own. */
  readonly onBreach?: OnBreach;
}

const MINUTE = 60_000;
const bulk = (name: string, size: IntOrPercent | undefined, bakeTime: string): WaveSpec => ({
  name,
  ...(size === undefined ? {} : { size }),
  maxFailures: '1%',
  bakeTime,
});

/** The presets as strategies; `auto` goes by the number of pending tenants, since zero failures in a few canaries prove little about rates. */
function preset(name: Preset, pending: number): { readonly label: string; readonly spec: StrategySpec } {
  if (name === 'fast') return { label: 'fast', spec: { waves: [bulk('rest', undefined, '0s')], bakeTime: '0s' } };
  if (name === 'cautious')
    return {
      label: 'cautious',
      spec: {
        canary: { bakeTime: '24h' },
        waves: [
          { name: '5%', size: '5%', selector: notEnterprise, maxFailures: '1%', bakeTime: '24h' },
          { name: '25%', size: '25%', selector: notEnterprise, maxFailures: '1%', bakeTime: '24h' },
          { name: 'rest', selector: notEnterprise, maxFailures: '1%', bakeTime: '24h' },
          { name: 'enterprise', maxFailures: '1%', bakeTime: '24h' },
        ],
        approval: { when: 'afterCanary' },
      },
    };
  if (pending <= 20)
    return {
      label: 'auto (up to 20 pending)',
      spec: { canary: { count: 1, bakeTime: '0s' }, waves: [{ name: 'rest', maxFailures: 0, bakeTime: '0s' }] },
    };
  if (pending <= 500)
    return { label: 'auto (up to 500 pending)', spec: { canary: { bakeTime: '1m' }, waves: [bulk('rest', undefined, '0s')] } };
  return {
    label: 'auto (more than 500 pending)',
    spec: { canary: { bakeTime: '10m' }, waves: [bulk('5%', '5%', '2m'), bulk('25%', '25%', '2m'), bulk('rest', undefined, '2m')] },
  };
}

const notEnterprise = { matchExpressions: [{ key: 'tier', operator: 'NotIn' as const, values: ['enterprise'] }] };

const isPreset = (name: string): name is Preset => name === 'auto' || name === 'fast' || name === 'cautious';

/** @throws RangeError when the name is neither a preset nor in `strategies` */
export function resolveStrategy(request: StrategyRequest): ResolvedStrategy {
  const name = request.name ?? 'auto';
  const own = request.strategies && Object.hasOwn(request.strategies, name) ? request.strategies[name] : undefined;
  if (!own && !isPreset(name)) throw new RangeError(`there is no strategy "${name}"`);
  const { label, spec } = own ? { label: name, spec: own } : preset(name as Preset, request.pending);
  const fromPreset = own === undefined;
  const time = (text: string | undefined, fallback: number) => (text === undefined ? fallback : ms(text as ms.StringValue));
  const bake = (text: string | undefined) => (request.noBake ? 0 : time(text ?? spec.bakeTime, 0));
  const maxConcurrency = spec.maxConcurrency ?? 50;
  const perHost = spec.maxConcurrencyPerHost ?? 4;
  const canary = spec.canary ?? {};
  const waves = spec.waves ?? [{ name: 'rest' }];
  return {
    policy: {
      strategy: label,
      onBreach: request.onBreach ?? spec.onBreach ?? 'rollbackWave',
      onGateFail: spec.onGateFail ?? 'halt',
      onTenantFailure: 'park',
      ...(spec.sameErrorThreshold === false ? {} : { sameError: spec.sameErrorThreshold ?? { count: 5, window: 20 } }),
      ramp: { initial: spec.ramp?.initial ?? 1, factor: spec.ramp?.factor ?? 2 },
      finalBakeMs: request.noBake ? 0 : time(spec.finalBakeTime, 0),
      approvalTimeoutMs: time(spec.approval?.timeout, 72 * 60 * MINUTE),
      approvalOnTimeout: spec.approval?.onTimeout ?? 'halt',
      gates: planGates(spec.gates ?? []),
      windows: (spec.windows ?? []).map((window) => ({
        kind: window.kind,
        schedule: window.schedule,
        durationMs: time(window.duration, 0),
        timeZone: window.timeZone ?? 'UTC',
        ...(window.selector ? { selector: window.selector } : {}),
        onClose: window.onClose ?? 'finish',
      })),
      deadlines: {
        ...(spec.deadlines?.wave === undefined ? {} : { waveMs: time(spec.deadlines.wave, 0) }),
        progressMs: time(spec.deadlines?.progress, 30 * MINUTE),
      },
      membership: spec.membership ?? 'catchUp',
      ...(spec.exclude?.length ? { exclude: spec.exclude } : {}),
      retry: {
        quickTries: spec.retry?.quickTries ?? 3,
        maxAttempts: spec.retry?.maxAttempts ?? 10,
        minBackoffMs: time(spec.retry?.minBackoff, 1_000),
        maxBackoffMs: time(spec.retry?.maxBackoff, 60_000),
      },
      timeouts: {
        lockMs: time(spec.timeouts?.lock, 500),
        statementMs: time(spec.timeouts?.statement, 15 * MINUTE),
        idleMs: time(spec.timeouts?.idle, 30_000),
        ...(spec.timeouts?.tenant === undefined ? {} : { tenantMs: time(spec.timeouts.tenant, 0) }),
      },
      outOfOrder: spec.outOfOrder ?? 'refuse',
    },
    canary:
      canary === false
        ? false
        : {
            ...(canary.count === undefined ? {} : { count: canary.count }),
            ...(canary.stratifyBy === undefined ? {} : { stratifyBy: canary.stratifyBy }),
            include: canary.include ?? [],
            exclude: canary.exclude ?? [],
            ...(canary.seed === undefined ? {} : { seed: canary.seed }),
            bakeMs: bake(canary.bakeTime),
          },
    waves: waves.map((wave) => ({
      name: wave.name,
      ...(wave.selector ? { selector: wave.selector } : {}),
      ...(wave.size === undefined ? {} : { size: wave.size }),
      maxFailures: wave.maxFailures ?? 0,
      minFailures: fromPreset && wave.maxFailures !== 0 ? 1 : 0,
      maxConcurrency: Math.min(wave.maxConcurrency ?? maxConcurrency, maxConcurrency),
      maxConcurrencyPerHost: wave.maxConcurrencyPerHost ?? perHost,
      bakeMs: bake(wave.bakeTime),
    })),
    unmatched: spec.unmatched ?? 'error',
    exclude: spec.exclude ?? [],
    ...(spec.maxFailures === undefined ? {} : { maxFailures: spec.maxFailures }),
    approval: spec.approval?.when ?? 'never',
  };
}
