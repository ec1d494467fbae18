/**
 * Gates as the plan pins them: of a strategy, which are Flotilla's own host checks, as changed or turned off, and those written by hand; and of
 * contracts.
 */

import ms from 'ms';
import type { GateSpec } from '../spec/gates.js';
import { GATE_PHASES, type GateLimits } from './gates.js';
import { HOST_CHECK_TABLE, HOST_CHECKS, type HostCheck } from './host-checks.js';
import type { Phased } from './phases.js';
import type { PlannedGate } from './plan.js';

const time = (text: string | undefined, fallback: number): number => (text === undefined ? fallback : ms(text as ms.StringValue));

/** A gate that is calm for so many looks has settled: what it held before does not count any more. */
const SETTLED_LOOKS = 30;

export function planGates(specs: readonly GateSpec[]): PlannedGate[] {
  const own = HOST_CHECKS.flatMap((check): PlannedGate[] => {
    const spec = specs.find((it) => it.type === 'builtin' && it.check === check);
    return spec?.type === 'builtin' && spec.off ? [] : [builtin(check, spec)];
  });
  return [
    ...own,
    ...specs.flatMap((spec): PlannedGate[] => {
      if (spec.type === 'builtin') return [];
      const scope = spec.type === 'sql' ? 'host' : 'fleet';
      const base = { name: spec.name, type: spec.type, scope, ...common(spec) } as const;
      if (spec.type === 'sql') return [{ ...base, query: spec.query }];
      const where = { url: spec.url, ...(spec.headers ? { headers: spec.headers } : {}) };
      if (spec.type === 'prometheus') return [{ ...base, ...where, query: spec.query }];
      return [{ ...base, ...where, ...(spec.field === undefined ? {} : { field: spec.field }) }];
    }),
  ];
}

/** What contracts name has to hold before each wave: between two of them a flag may be switched back, and old code be deployed again. */
export function contractGates(contracts: readonly Phased[]): PlannedGate[] {
  return contracts.flatMap(({ name, declares: { flags, appVersion } = {} }): PlannedGate[] => {
    if (flags === undefined && appVersion === undefined) return [];
    const declares = { ...(flags === undefined ? {} : { flags }), ...(appVersion === undefined ? {} : { appVersion }) };
    // No gate of a config has a ":" in its name
    return [{ name: `contract:${name}`, type: 'contract', scope: 'fleet', contract: { name, declares }, ...common({ phase: ['pre'] }) }];
  });
}

function builtin(check: HostCheck, spec: GateSpec | undefined): PlannedGate {
  const { throttle, abort } = HOST_CHECK_TABLE[check];
  const limits = { throttle, ...(abort === undefined ? {} : { abort }) };
  return { name: check, type: 'builtin', scope: 'host', check, ...common({ ...limits, ...spec }) };
}

function common(
  spec: Partial<
    Pick<GateSpec, 'phase' | 'interval' | 'throttle' | 'abort' | 'when' | 'failureLimit' | 'errorLimit' | 'holdLimit' | 'dryRun'>
  >,
): Pick<PlannedGate, 'phases' | 'intervalMs' | 'limits' | 'dryRun' | 'off'> {
  const intervalMs = time(spec.interval, 10_000);
  const limits: GateLimits = {
    when: spec.when ?? 'above',
    ...(spec.throttle === undefined ? {} : { throttle: spec.throttle }),
    ...(spec.abort === undefined ? {} : { abort: spec.abort }),
    failureLimit: spec.failureLimit ?? 2,
    errorLimit: spec.errorLimit ?? 4,
    holdLimitMs: time(spec.holdLimit, 30 * 60_000),
    settleMs: SETTLED_LOOKS * intervalMs,
  };
  return { phases: spec.phase ?? GATE_PHASES, intervalMs, limits, dryRun: spec.dryRun ?? false, off: [] };
}
