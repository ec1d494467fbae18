/** `npm run test:chaos -- --minutes N --seed S`: random faults for a while. Exit 1 when anything was violated. */

import { Command, InvalidArgumentError } from 'commander';
import { startPostgres } from '../../src/dev/embedded-postgres.js';
import { storm } from './support/storm.js';

const number = (text: string) => {
  const value = Number(text);
  if (!Number.isFinite(value) || value < 0) throw new InvalidArgumentError('expected a number');
  return value;
};

await new Command('test:chaos')
  .description('kills workers, backends and connections at random while tenants go up and down, and checks them after each round')
  .option('--minutes <n>', 'how long', number, 1)
  .option('--seed <n>', 'what to choose by', number, Date.now() % 1_000_000)
  .action(async ({ minutes, seed }: { minutes: number; seed: number }) => {
    console.log(`seed ${seed}, ${minutes} minutes`);
    const server = await startPostgres();
    try {
      const { rounds, kills, repairs, violations } = await storm({
        server: server.url,
        seed,
        untilMs: Date.now() + minutes * 60_000,
        say: (line) => console.log(line),
      });
      for (const violation of violations) console.log(`VIOLATION ${violation}`);
      console.log(`rounds ${rounds}, kills ${kills}, repairs ${repairs}, violations ${violations.length}`);
      process.exitCode = violations.length ? 1 : 0;
    } finally {
      await server.stop();
    }
  })
  .parseAsync();
