import type { GateOff, PlannedGate } from '../domain/plan.js';
import { askGate, type GateAsking } from '../gates/probe.js';

/**
 * Looks once at every gate, on each of the hosts, and answers those that say nothing. A host that does not answer at all is no news of its
 * gates': they are looked at again when it does.
 */
export async function gatesOff(
  asking: GateAsking,
  gates: readonly PlannedGate[],
  { hosts, fleetWide }: { readonly hosts: readonly string[]; readonly fleetWide: boolean },
): Promise<GateOff[]> {
  const ofHosts = gates.filter(({ scope }) => scope === 'host');
  const ofFleet = fleetWide ? gates.filter(({ scope }) => scope === 'fleet') : [];
  const look = async (gate: PlannedGate, host?: string): Promise<GateOff[]> => {
    const sample = await askGate(gate, host, asking);
    if (sample?.kind !== 'error' && sample?.kind !== 'inconclusive') return [];
    return [{ gate: gate.name, ...(host === undefined ? {} : { host }), why: sample.text }];
  };
  const found = await Promise.all([
    ...ofFleet.map((gate) => look(gate)),
    ...hosts.map(async (host) => {
      const off: GateOff[] = [];
      for (const gate of ofHosts) off.push(...(await look(gate, host)));
      return off;
    }),
  ]);
  return found.flat();
}
