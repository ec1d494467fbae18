import { type BackfillRow, backfillsOf, recordBackfill } from '../control/backfills.js';
import { type BackfillProgress, shareDone } from '../domain/backfill/progress.js';
import type { Activities, MigrateTenantsInput } from './contract.js';
import type { ActivityDeps } from './deps.js';

/** Tenants that are named; the rest is counted. */
const MOST = 10;
const TELL_EVERY_MS = 2_000;

export const createReadBackfills =
  (deps: ActivityDeps): Activities['readBackfills'] =>
  ({ rolloutId, wave }) =>
    backfillsOf(deps.control, rolloutId, wave, MOST);

type Word = BackfillProgress & { readonly migration: string };

/** A backfill begins, has its first rows, or has passed over all of them: what comes between can wait. */
const isNews = (before: Word | undefined, now: Word): boolean =>
  before?.migration !== now.migration || (before.visited === 0 && now.visited > 0) || (shareDone(before) !== 1 && shareDone(now) === 1);

/**
 * Writes down how far one tenant has come: at once what is news, the rest every few seconds. Nobody's chunk waits for it, and a word that is lost is
 * followed by the next.
 */
export function keepProgress(
  deps: Pick<ActivityDeps, 'control'>,
  input: Pick<MigrateTenantsInput, 'rolloutId' | 'wave' | 'host'>,
  tenant: string,
) {
  let last: Word | undefined;
  let newest: BackfillRow | undefined;
  let toldAt = Number.NEGATIVE_INFINITY;
  let writing: Promise<unknown> = Promise.resolve();
  const write = (done: boolean) => {
    const { rolloutId, wave, host } = input;
    const it = { ...last!, rolloutId, wave, host, tenant, done };
    newest = it;
    // While one is being written, newer ones overtake those that wait
    const overtaken = () => newest !== it && newest?.migration === it.migration;
    writing = writing.then(() => (overtaken() ? undefined : recordBackfill(deps.control, it))).catch(() => undefined);
  };
  return {
    heard(progress: Word): void {
      const news = isNews(last, progress);
      if (last && last.migration !== progress.migration) write(true);
      last = progress;
      if (!news && performance.now() - toldAt < TELL_EVERY_MS) return;
      toldAt = performance.now();
      write(false);
    },
    /** @param through migrations that are */
    async end(through: readonly string[]): Promise<void> {
      if (last) write(through.includes(last.migration));
      await writing;
    },
  };
}
