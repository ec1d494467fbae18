import { defineConfig } from 'vitest/config';

const alias = {
  'flotilla/migration': new URL('./src/migration/index.ts', import.meta.url).pathname,
  flotilla: new URL('./src/index.ts', import.meta.url).pathname,
};
interface More {
  readonly testTimeout: number;
  readonly hookTimeout: number;
}
const project = (name: string, globalSetup: string[], more: More) => ({
  resolve: { alias },
  test: { name, include: [`test/${name}/**/*.test.ts`], globalSetup, pool: 'forks' as const, ...more },
});

export default defineConfig({
  test: {
    // Half of the time is waiting, for servers and for one another: no core is left free
    maxWorkers: '100%',
    projects: [
      project('unit', [], { testTimeout: 10_000, hookTimeout: 10_000 }),
      project('workflow', ['./test/support/temporal-setup.ts'], { testTimeout: 60_000, hookTimeout: 60_000 }),
      project('integration', ['./test/support/postgres-setup.ts'], { testTimeout: 60_000, hookTimeout: 120_000 }),
      project('e2e', ['./test/support/temporal-setup.ts', './test/support/postgres-setup.ts'], {
        testTimeout: 240_000,
        hookTimeout: 240_000,
      }),
      project('control', ['./test/support/temporal-setup.ts', './test/support/postgres-setup.ts'], {
        testTimeout: 240_000,
        hookTimeout: 240_000,
      }),
      project('chaos', ['./test/support/temporal-setup.ts', './test/support/postgres-setup.ts'], {
        testTimeout: 240_000,
        hookTimeout: 240_000,
      }),
    ],
  },
});
