/** A verb that starts a rollout: what is asked first, and whether somebody waits for its end. */

import type { Command } from 'commander';
import { EXIT, type ExitCode } from '../../client/exit-codes.js';
import type { StartOptions, StartResult } from '../../client/start.js';
import { startBody } from '../../client/to-documents.js';
import type { WaitResult } from '../../client/wait.js';
import { FlotillaError } from '../../domain/errors.js';
import type { PlanSummary } from '../../domain/plan.js';
import { renderPlan, renderUpToDate } from '../render/plan.js';
import { renderRollout } from '../render/rollout.js';
import type { Style } from '../render/style.js';
import { startBusy } from './busy.js';
import { confirm, PRODUCTION } from './confirm.js';
import { durationFlag } from './plan-options.js';
import type { Session } from './session.js';
import { createWatcher } from './watch.js';

export interface RunFlags {
  readonly wait?: boolean;
  readonly watch?: boolean;
  readonly yes?: boolean;
  readonly replace?: boolean;
  readonly timeout?: number;
}

export const addRunFlags = (command: Command): Command =>
  command
    .option('--wait', 'wait until it ends or needs a person, and exit with its result')
    .option('--watch', 'follow it until it ends')
    .option('--timeout <duration>', 'with --wait or --watch: exit 6 when it is still going after this long', durationFlag)
    .option('-y, --yes', 'do not ask')
    .option('--replace', 'abort the open rollout first (needs --reason)');

type How = Pick<StartOptions, 'actor' | 'reason' | 'requestId' | 'signal' | 'onProgress' | 'replace' | 'confirm'>;

export interface Run {
  /** A plan that was frozen and seen before is not asked about. */
  readonly seen: boolean;
  readonly question: (plan: PlanSummary) => string;
  readonly start: (how: How) => Promise<StartResult>;
}

export async function runRollout(session: Session, flags: RunFlags, run: Run): Promise<ExitCode> {
  const { client, config, out, ask, signal } = session;
  if (flags.timeout !== undefined && !flags.wait && !flags.watch)
    throw new FlotillaError('FLT_USAGE', '--timeout needs --wait or --watch.', {});
  const mayAsk = !flags.yes && !run.seen;
  // Without a terminal the answer is known before anything is planned.
  if (mayAsk && config.fleet.environment === PRODUCTION && !out.interactive)
    await confirm('This changes production.', { interactive: false, flag: '--yes' });
  const planning = await startBusy('planning', !out.json);
  const starting = run.start({
    ...ask,
    signal,
    onProgress: planning.tell,
    replace: flags.replace ?? false,
    confirm: async (plan) => {
      planning.done();
      if (!mayAsk || plan.environment !== PRODUCTION) return true;
      if (out.interactive) process.stdout.write(renderPlan(plan, out.style));
      return confirm(run.question(plan), { ...out, flag: '--yes' });
    },
  });
  const result = await starting.finally(planning.done);
  const follows = (flags.wait || flags.watch) && 'rollout' in result;
  if (!follows) {
    out.result('start', startBody(result), (style) => renderStart(result, style));
    return result.outcome === 'declined' ? EXIT.refused : EXIT.ok;
  }

  const { rolloutId, url } = result.rollout;
  // Whoever waits without a live view, such as a CI job, should know what for
  if (!process.stdout.isTTY) process.stderr.write(`rollout ${rolloutId} is open${url ? `: ${url}` : ''}; waiting\n`);
  const watcher = flags.watch || (!out.json && process.stdout.isTTY) ? await createWatcher(session) : undefined;
  let waited: WaitResult;
  try {
    waited = await client.wait({
      rolloutId: result.rollout.rolloutId,
      signal,
      untilNeedsPerson: flags.wait ?? false,
      ...(flags.timeout === undefined ? {} : { timeoutMs: flags.timeout }),
      ...(watcher ? { onStatus: watcher.show } : {}),
    });
  } finally {
    watcher?.done(signal.aborted);
  }
  const ended: StartResult = { ...result, rollout: waited.status };
  out.result('start', startBody(ended), (style) => renderRollout(waited.status, style));
  return waited.exitCode;
}

function renderStart(result: StartResult, style: Style): string {
  switch (result.outcome) {
    case 'nothingToDo':
      return renderUpToDate(result.plan, style);
    case 'declined':
      return `Nothing was started. The plan is kept: flotilla start ${result.plan.planId}\n`;
    case 'alreadyStarted':
      return `This request had started the rollout before.\n${renderRollout(result.rollout, style)}`;
    case 'started':
      return renderRollout(result.rollout, style);
  }
}
