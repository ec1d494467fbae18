/** What could not be read when the plan was made is off, and the plan says so: a gate that can never answer would pause every rollout. */

import { ERROR_CODES } from './error-codes.js';
import type { Finding, GateOff, PlannedGate } from './plan.js';

export const turnOff = (gates: readonly PlannedGate[], off: readonly GateOff[]): PlannedGate[] =>
  gates.map((gate) => {
    const here = off.filter((it) => it.gate === gate.name).map(({ gate: _, ...where }) => where);
    return { ...gate, off: here.sort((a, b) => (a.host ?? '').localeCompare(b.host ?? '')) };
  });

/** One warning for each gate that is off somewhere, however many hosts that are. */
export const gatesOffFindings = (gates: readonly PlannedGate[]): Finding[] =>
  gates.flatMap((gate) =>
    gate.off.length === 0
      ? []
      : [
          {
            severity: 'warning',
            code: 'FLT_GATE_OFF',
            message: `Gate ${gate.name} is off ${describeOff(gate)}.`,
            remedy: ERROR_CODES.FLT_GATE_OFF.remedy,
          },
        ],
  );

const HOSTS_NAMED = 5;
const REASONS_GIVEN = 3;

/** `on pg-eu-1, pg-eu-2 and 7 more: the role is no member of pg_monitor`; a gate of the whole fleet is off everywhere: `everywhere: …`. */
export function describeOff({ off }: Pick<PlannedGate, 'off'>): string {
  const hostsOf = new Map<string, string[]>();
  for (const { host, why } of off) hostsOf.set(why, [...(hostsOf.get(why) ?? []), ...(host === undefined ? [] : [host])]);
  const reasons = [...hostsOf].map(([why, hosts]) => {
    const more = hosts.length - HOSTS_NAMED;
    const named = `${hosts.slice(0, HOSTS_NAMED).join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
    return `${hosts.length === 0 ? 'everywhere' : `on ${named}`}: ${why.replace(/\.$/, '')}`;
  });
  const left = reasons.length - REASONS_GIVEN;
  return `${reasons.slice(0, REASONS_GIVEN).join('; ')}${left > 0 ? `; and for ${left} more reasons` : ''}`;
}
