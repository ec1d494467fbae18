/** What a benchmark answers, and how it is shown. Floor and ours always come from the same run. */

import Table from 'cli-table3';

export interface Measure {
  readonly bench: string;
  /** What is compared with what. */
  readonly measure: string;
  readonly unit: string;
  readonly ours: number;
  readonly floor: number;
  /** At least `aim` is wanted. */
  readonly ratio: number;
  readonly aim: number;
  /** Size: tenants, or repetitions within a run. */
  readonly n: number;
  readonly runs: number;
}

export type Bench = (options: { readonly runs: number; readonly say: (line: string) => void }) => Promise<readonly Measure[]>;

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** Milliseconds that the work took. */
export async function timed(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await work();
  return performance.now() - start;
}

const round = (value: number) => Number(value.toPrecision(3));

export const toJsonLine = ({ bench, measure, unit, ours, floor, ratio, aim, n, runs }: Measure): string =>
  JSON.stringify({ bench, measure, unit, ours: round(ours), floor: round(floor), ratio: round(ratio), aim, n, runs });

export function toTable(measures: readonly Measure[]): string {
  const table = new Table({
    head: ['bench', 'measure', 'unit', 'ours', 'floor', 'ratio', 'aim', 'n', 'runs'],
    style: { head: [], border: [] },
  });
  for (const it of measures)
    table.push([it.bench, it.measure, it.unit, round(it.ours), round(it.floor), round(it.ratio), `≥ ${it.aim}`, it.n, it.runs]);
  return table.toString();
}
