/** One gate of one host, or of the whole fleet: where its samples come from and what they have come to mean. */

import { type GateState, judgeSample, lookAgain, newGate, type Sample } from '../domain/gates.js';
import type { PlannedGate } from '../domain/plan.js';
import type { GateReading } from '../domain/rollout/contract.js';
import type { Hosts } from '../postgres/contract.js';
import type { ResolveReference } from '../spec/references.js';
import { askHost } from './ask-host.js';
import { askWeb } from './ask-web.js';
import { ANSWER_WITHIN_MS } from './sample.js';

export interface GateAsking {
  readonly hosts: Hosts;
  readonly resolve: ResolveReference;
  /** @defaultValue 10000 */
  readonly answerWithinMs?: number;
}

/** undefined: the host does not answer. */
export type AskGate = (gate: PlannedGate, host: string | undefined) => Promise<Sample | undefined>;

/** `lockWaits on pg-eu-1`, `errorRate` */
export const probeKey = (gate: string, host: string | undefined): string => (host === undefined ? gate : `${gate} on ${host}`);

/** What there was at first is no news to these. */
const countsNews = (gate: PlannedGate): boolean => gate.check === 'invalidIndexes';

export const askGate = (
  gate: PlannedGate,
  host: string | undefined,
  { hosts, resolve, answerWithinMs = ANSWER_WITHIN_MS }: GateAsking,
): Promise<Sample | undefined> => (host === undefined ? askWeb(gate, resolve, answerWithinMs) : askHost(gate, host, hosts, answerWithinMs));

export class Probe {
  readonly key: string;
  state: GateState;
  baseline: number | undefined;
  dueMs: number;
  /** The host did not answer when it was last looked at. */
  unreachable = false;

  /**
   * @param known what an earlier watcher has left
   * @param fresh it is looked at at once, for the first time or for the first time in a while. Otherwise an earlier watcher has told of
   *   everything: one of which it left nothing passes, and one without a verdict could not be reached
   */
  constructor(
    readonly gate: PlannedGate,
    readonly host: string | undefined,
    known: { readonly state?: GateState; readonly baseline?: number },
    fresh: boolean,
  ) {
    this.key = probeKey(gate.name, host);
    const nowMs = Date.now();
    const left = known.state !== undefined && fresh ? lookAgain(known.state, gate.limits, nowMs) : known.state;
    this.state = left ?? { ...newGate(nowMs), ...(fresh ? {} : { verdict: 'pass' }) };
    this.baseline = known.baseline;
    this.unreachable = !fresh && this.state.verdict === undefined;
    this.dueMs = fresh ? nowMs : this.#nextLook(nowMs);
  }

  /** On a grid of the clock: a watcher that goes on where another stopped looks neither sooner nor later than that one would have. */
  #nextLook(nowMs: number): number {
    const { intervalMs } = this.gate;
    return (Math.floor(nowMs / intervalMs) + 1) * intervalMs;
  }

  async look(ask: AskGate): Promise<void> {
    const sample = await ask(this.gate, this.host);
    const nowMs = Date.now();
    this.unreachable = sample === undefined;
    if (sample) this.state = judgeSample(this.state, this.#sinceFirst(sample), this.gate.limits, nowMs);
    this.dueMs = this.#nextLook(nowMs);
  }

  #sinceFirst(sample: Sample): Sample {
    if (sample.kind !== 'value' || !countsNews(this.gate)) return sample;
    this.baseline = Math.min(this.baseline ?? sample.value, sample.value);
    return { kind: 'value', value: sample.value - this.baseline };
  }

  /** Has a verdict, or nobody can have one now. */
  isKnown(): boolean {
    return this.state.verdict !== undefined || this.unreachable;
  }

  reading(): Omit<GateReading, 'idle'> {
    const { verdict, sinceMs, value, text } = this.state;
    return {
      gate: this.gate.name,
      ...(this.host === undefined ? {} : { host: this.host }),
      ...(verdict === undefined ? {} : { verdict }),
      sinceMs,
      ...(value === undefined ? {} : { value }),
      ...(text === undefined ? {} : { text }),
    };
  }
}
