/** How long a person waits for `flotilla --help`, against an empty Node process. */

import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { CLI } from '../test/support/fleet-project.js';
import { type Bench, median, timed } from './measure.js';

const run = promisify(execFile);
const REPEATS = 11;

export const start: Bench = async ({ runs }) => {
  const times = { ours: [] as number[], node: [] as number[] };
  for (let i = 0; i < runs * REPEATS; i++) {
    times.node.push(await timed(() => run(process.execPath, ['-e', '0'])));
    times.ours.push(await timed(() => run(process.execPath, [CLI, '--help'])));
  }
  const [ours, floor] = [median(times.ours), median(times.node)];
  return [
    {
      bench: 'start',
      measure: '(1.5 × node -e 0 + 150 ms) / flotilla --help',
      unit: 'ms',
      ours,
      floor,
      ratio: (1.5 * floor + 150) / ours,
      aim: 1,
      n: REPEATS,
      runs,
    },
  ];
};
