/** `npm run bench [-- NAME…] [--json] [--runs N]`: floor and Flotilla in the same run, medians, one line per measure. Never part of the tests. */

import { Argument, Command, InvalidArgumentError } from 'commander';
import { backfill } from './backfill.js';
import { guard } from './guard.js';
import { type Bench, type Measure, toJsonLine, toTable } from './measure.js';
import { memory } from './memory.js';
import { noop } from './noop.js';
import { resume } from './resume.js';
import { rollout } from './rollout.js';
import { simulate } from './simulate.js';
import { start } from './start.js';

const benches: Record<string, Bench> = { rollout, guard, backfill, noop, memory, resume, start, simulate };

const positive = (text: string) => {
  if (!/^[1-9]\d*$/.test(text)) throw new InvalidArgumentError('expected a positive integer');
  return Number(text);
};

await new Command('bench')
  .description('measures Flotilla against its floors')
  .addArgument(new Argument('[names...]', 'what to measure').choices(Object.keys(benches)))
  .option('--json', 'one JSON line per measure on stdout')
  .option('--runs <n>', 'medians of so many runs', positive, 3)
  .action(async (names: string[], { json, runs }: { json?: boolean; runs: number }) => {
    const measures: Measure[] = [];
    for (const name of names.length ? names : Object.keys(benches)) {
      const results = await benches[name]!({ runs, say: (line) => process.stderr.write(`${name}: ${line}\n`) });
      measures.push(...results);
      if (json) for (const measure of results) console.log(toJsonLine(measure));
    }
    if (!json) console.log(toTable(measures));
    process.exitCode = measures.every((it) => it.ratio >= it.aim) ? 0 : 1;
  })
  .parseAsync();
