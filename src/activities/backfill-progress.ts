import { backfillsOf, recordBackfill } from '../control/backfills.js';
import type { BackfillProgress } from '../domain/backfill/progress.js';
import type { Activities, MigrateTenantsInput } from './contract.js';
import type { ActivityDeps } from './deps.js';

/** Tenants that are named; the rest is counted. */
const MOST = 10;
const TELL_EVERY_MS = 2_000;

export const createReadBackfills =
  (deps: ActivityDeps): Activities['readBackfills'] =>
  ({ rolloutId, wave }) =>
    backfillsOf(deps.control, rolloutId, wave, MOST);

/** Writes down how far one tenant has come, every few seconds: nobody's chunk waits for it, and a word that is lost is followed by the next. */
export function keepProgress(deps: ActivityDeps, input: MigrateTenantsInput, tenant: string) {
  let last: (BackfillProgress & { readonly migration: string }) | undefined;
  let toldAt = Number.NEGATIVE_INFINITY;
  let writing: Promise<unknown> = Promise.resolve();
  let soon: NodeJS.Timeout | undefined;
  const write = (done: boolean) => {
    const { rolloutId, wave, host } = input;
    const it = { ...last!, rolloutId, wave, host, tenant, done };
    writing = writing.then(() => recordBackfill(deps.control, it)).catch(() => undefined);
  };
  return {
    heard(progress: BackfillProgress & { readonly migration: string }): void {
      if (last && last.migration !== progress.migration) write(true);
      last = progress;
      // The last word before a long wait is told too
      soon ??= setTimeout(
        () => {
          soon = undefined;
          toldAt = performance.now();
          write(false);
        },
        Math.max(0, toldAt + TELL_EVERY_MS - performance.now()),
      );
    },
    /** @param through migrations that are */
    async end(through: readonly string[]): Promise<void> {
      clearTimeout(soon);
      if (last) write(through.includes(last.migration));
      await writing;
    },
  };
}
