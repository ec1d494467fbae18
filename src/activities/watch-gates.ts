import { Context } from '@temporalio/activity';
import type { PlannedGate } from '../domain/plan.js';
import { type AskGate, askGate, Probe, probeKey } from '../gates/probe.js';
import { askContract } from './ask-contract.js';
import type { Activities, GateMemory, WatchGatesInput } from './contract.js';
import type { ActivityDeps } from './deps.js';
import { heartbeating } from './heartbeat.js';

/** Looks at the gates of one cell, each as often as it wants to be, until there is news. Safe to repeat: it only reads. */
export const createWatchGates =
  (deps: ActivityDeps): Activities['watchGates'] =>
  async (input) => {
    let step = 'looking at the gates';
    return heartbeating(
      () => ({ step, cell: input.cell }),
      async () => {
        const plan = await deps.plans.summary(input.planId);
        const ask: AskGate = (gate, host) =>
          gate.contract === undefined ? askGate(gate, host, deps) : askContract(deps, plan, gate.contract);
        const probes = probesFor(plan.policy.gates, input);
        const told = verdicts(probes);
        for (;;) {
          const now = Date.now();
          await Promise.all(sameHost(probes.filter(({ dueMs }) => dueMs <= now)).map((of) => lookAtAll(ask, of)));
          const complete = probes.every((probe) => probe.isKnown());
          if (verdicts(probes) !== told || (input.fresh && complete) || deps.stopping()) return answer(probes, complete);
          const open = probes.filter(({ state }) => state.verdict !== 'pass');
          step =
            open.length === 0
              ? `${probes.length} gates pass`
              : open.map(({ key, state }) => `${key}: ${state.verdict ?? 'not known yet'}`).join('; ');
          await Context.current().sleep(Math.max(10, Math.min(...probes.map(({ dueMs }) => dueMs), now + LONGEST_SLEEP_MS) - Date.now()));
        }
      },
    );
  };

/** A worker that stops hands over. */
const LONGEST_SLEEP_MS = 1_000;

function probesFor(gates: readonly PlannedGate[], { phase, hosts, fleetWide, fresh, memory }: WatchGatesInput): Probe[] {
  return gates
    .filter((gate) => gate.phases.includes(phase))
    .flatMap((gate): Probe[] => {
      const isOff = (host: string | undefined) => gate.off.some((it) => it.host === host);
      const at = gate.scope === 'host' ? hosts : fleetWide ? [undefined] : [];
      return at
        .filter((host) => !isOff(host))
        .map((host) => {
          const key = probeKey(gate.name, host);
          const [state, baseline] = [memory.states[key], memory.baselines[key]];
          return new Probe(gate, host, { ...(state ? { state } : {}), ...(baseline === undefined ? {} : { baseline }) }, fresh);
        });
    });
}

/** A host is asked on one connection, one question after the other. */
function sameHost(probes: readonly Probe[]): Probe[][] {
  const groups = new Map<string, Probe[]>();
  for (const probe of probes) {
    const key = probe.host ?? ` ${probe.key}`;
    groups.set(key, [...(groups.get(key) ?? []), probe]);
  }
  return [...groups.values()];
}

async function lookAtAll(ask: AskGate, probes: readonly Probe[]): Promise<void> {
  for (const probe of probes) await probe.look(ask);
}

/** All that does not pass, by verdict; of a contract also by what is missing. */
const verdicts = (probes: readonly Probe[]): string =>
  probes
    .filter(({ state }) => state.verdict !== undefined && state.verdict !== 'pass')
    .map(({ key, state, gate }) => `${key}=${state.verdict}${gate.contract === undefined ? '' : state.text}`)
    .join();

function answer(probes: readonly Probe[], complete: boolean): Awaited<ReturnType<Activities['watchGates']>> {
  const passing = probes.filter(({ state }) => state.verdict === 'pass');
  const memory: GateMemory = {
    // One that passes and was never in trouble has nothing to remember
    states: Object.fromEntries(
      probes.filter(({ state }) => state.verdict !== 'pass' || state.troubledSinceMs !== undefined).map(({ key, state }) => [key, state]),
    ),
    baselines: Object.fromEntries(probes.flatMap(({ key, baseline }) => (baseline === undefined ? [] : [[key, baseline]]))),
  };
  return {
    readings: {
      readings: probes.filter((probe) => !passing.includes(probe) && !probe.unreachable).map((probe) => probe.reading()),
      complete,
      passing: passing.length,
    },
    memory,
  };
}
