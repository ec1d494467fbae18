/** What the gates have said, whom it slows down, and whether it stops the rollout. */

import type { GatePhase } from '../gates.js';
import type { PlannedGate } from '../plan.js';
import type { Pace } from '../wave/contract.js';
import type { GateReading } from './contract.js';

/** What one cell's watcher has found out: everything that does not simply pass, and whether it has looked at all of it. */
export interface CellReadings {
  readonly readings: readonly Omit<GateReading, 'idle'>[];
  /** Every gate of the phase has a verdict. */
  readonly complete: boolean;
  readonly passing: number;
}

const keyOf = ({ gate, host }: Pick<GateReading, 'gate' | 'host'>): string => (host === undefined ? gate : `${gate} on ${host}`);

export class GateBoard {
  readonly #gates: ReadonlyMap<string, PlannedGate>;
  readonly #cells = new Map<string, CellReadings>();
  readonly #skipped = new Set<string>();
  /** Verdicts that a person has seen and went on from, until they change, with the cell that will say so (undefined: the first). */
  readonly #acknowledged = new Map<string, { readonly verdict: GateReading['verdict']; readonly cell: string | undefined }>();
  phase: GatePhase | undefined;
  /** Counts the phases. */
  round = 0;
  #expected: readonly string[] = [];

  constructor(gates: readonly PlannedGate[]) {
    this.#gates = new Map(gates.map((gate) => [gate.name, gate]));
  }

  has(name: string): boolean {
    return this.#gates.has(name);
  }

  /** Gates that anything depends on in a phase. */
  in(phase: GatePhase): readonly PlannedGate[] {
    return [...this.#gates.values()].filter((gate) => gate.phases.includes(phase));
  }

  /** A phase begins, or none: what was said in the one before is forgotten. */
  begin(phase: GatePhase | undefined, cells: readonly string[]): void {
    this.phase = phase;
    this.round++;
    this.#cells.clear();
    this.#expected = phase === undefined || this.in(phase).length === 0 ? [] : cells;
  }

  /** A watcher of this cell has something to do. */
  watches(cell: string): boolean {
    return this.#expected.includes(cell);
  }

  /** It also asks the gates of the whole fleet. */
  firstCell(): string | undefined {
    return this.#expected[0];
  }

  learn(cell: string, readings: CellReadings): void {
    this.#cells.set(cell, readings);
    const verdicts = new Map(readings.readings.map((reading) => [keyOf(reading), reading.verdict]));
    // Other cells have not been heard in this phase yet: nothing is known of their gates
    for (const [key, { verdict, cell: of = this.firstCell() }] of this.#acknowledged)
      if (of === cell && verdicts.get(key) !== verdict) this.#acknowledged.delete(key);
  }

  skip(gate: string): void {
    this.#skipped.add(gate);
  }

  /** A person goes on although some gates say nothing: they are not asked about these again before they have said something. */
  acknowledge(): void {
    const silent = new Set(this.unanswered().map(keyOf));
    for (const [cell, { readings }] of this.#cells)
      for (const reading of readings)
        if (silent.has(keyOf(reading)))
          this.#acknowledged.set(keyOf(reading), { verdict: reading.verdict, cell: reading.host === undefined ? undefined : cell });
  }

  /** Every gate of the phase has been looked at. */
  complete(): boolean {
    return this.#expected.every((cell) => this.#cells.get(cell)?.complete === true);
  }

  failing(): GateReading | undefined {
    return this.#acting().find((reading) => reading.verdict === 'fail');
  }

  /** Those that pause the rollout. */
  unanswered(): GateReading[] {
    return this.#acting().filter(
      (reading) => (reading.verdict === 'inconclusive' || reading.verdict === 'error') && !this.#acknowledged.has(keyOf(reading)),
    );
  }

  /** Everybody has answered, or a person goes on without: only such time counts as healthy. */
  answer(): boolean {
    return this.complete() && this.unanswered().length === 0;
  }

  slowing(): GateReading[] {
    return this.#acting().filter((reading) => reading.verdict === 'throttle' || reading.verdict === 'hold');
  }

  /** Nothing speaks against beginning a wave. */
  open(): boolean {
    return this.complete() && this.slowing().length === 0 && this.failing() === undefined && this.unanswered().length === 0;
  }

  /** A gate of the whole fleet slows all of the hosts down. */
  paces(hosts: readonly string[]): Readonly<Record<string, Pace>> {
    const paces: Record<string, Pace> = {};
    for (const { host, verdict } of this.slowing())
      for (const slowed of host === undefined ? hosts : [host]) if (paces[slowed] !== 'hold') paces[slowed] = verdict as Pace;
    return paces;
  }

  /** For people: what does not simply pass, and how many do. */
  view(): { readonly passing: number; readonly others: readonly GateReading[] } {
    return {
      passing: [...this.#cells.values()].reduce((n, cell) => n + cell.passing, 0),
      others: this.#all().slice(0, 50),
    };
  }

  #all(): GateReading[] {
    return [...this.#cells.values()].flatMap(({ readings }) =>
      readings.map((reading) => {
        const idle = this.#skipped.has(reading.gate) ? 'skipped' : this.#gates.get(reading.gate)?.dryRun ? 'dryRun' : undefined;
        return idle === undefined ? reading : { ...reading, idle };
      }),
    );
  }

  #acting(): GateReading[] {
    return this.#all().filter((reading) => reading.idle === undefined);
  }
}

/** `lockWaits on pg-eu-1: 12 is above 5`. */
export const describeReading = (reading: GateReading): string => `${keyOf(reading)}${reading.text ? `: ${reading.text}` : ''}`;
