/** The worker's log says how far a tenant's backfill has come, and where it ended. Counts only. */

import type { Logger } from '@temporalio/common';
import { type BackfillProgress, etaMs, shareDone } from '../domain/backfill/progress.js';
import type { TenantRef } from '../domain/tenant.js';
import type { AttemptResult } from '../postgres/contract.js';

const SAY_EVERY_MS = 5_000;

type Word = BackfillProgress & { readonly migration: string };

/** A line every few seconds while a backfill runs, so that a short one has none, and one at its end. */
export function logBackfill(log: Pick<Logger, 'info'>, { id: tenant, host }: TenantRef) {
  let last: Word | undefined;
  let begunAt = 0;
  let saidAt = 0;
  const say = (message: string, more: object) => log.info(message, { tenant, host, migration: last!.migration, ...more });
  const ended = (message: string, more: object = {}) => {
    const { written, visited, pass } = last!;
    say(message, { rows: written, visited, passes: pass, durationMs: Math.round(performance.now() - begunAt), ...more });
  };
  return {
    heard(word: Word): void {
      const now = performance.now();
      if (last?.migration !== word.migration) {
        if (last) ended('backfill done');
        begunAt = saidAt = now;
      }
      last = word;
      if (now - saidAt < SAY_EVERY_MS) return;
      saidAt = now;
      say('backfill under way', figures(word));
    },
    /** What was heard last is done when its migration is among the runs; else it goes on from there another time. */
    end({ runs, code }: Pick<AttemptResult, 'runs' | 'code'>): void {
      if (!last) return;
      if (runs.some(({ name }) => name === last!.migration)) ended('backfill done');
      else ended('backfill stopped', code === undefined ? {} : { code });
    },
  };
}

function figures(word: Word): object {
  const { pass, visited, written, total, exact, rowsPerSecond, waiting } = word;
  const [share, left] = [shareDone(word), etaMs(word)];
  return {
    pass,
    visited,
    written,
    ...(total === undefined ? {} : { total, exact }),
    ...(share === undefined ? {} : { percent: Math.floor(share * 100) }),
    rowsPerSecond: Math.round(rowsPerSecond),
    ...(left === undefined ? {} : { etaMs: left }),
    ...(waiting === undefined ? {} : { waiting }),
  };
}
