/** Flags that choose what is planned; the same for plan and start. */

import { type Command, InvalidArgumentError, Option } from 'commander';
import ms from 'ms';
import type { PlanOptions } from '../../client/plan.js';
import type { LoadedConfig } from '../../spec/load-config.js';
import { newestMigration } from './newest-migration.js';

export interface ExpectFlags {
  readonly expect?: string;
  readonly expectTimeout?: number;
}

export interface PlanFlags extends ExpectFlags {
  readonly to?: string;
  readonly tenant?: readonly string[];
  readonly selector?: string;
  readonly strategy?: string;
  readonly onBreach?: PlanOptions['onBreach'];
}

/** For flags that may be given more than once. */
export const collect = (value: string, before: readonly string[] = []): readonly string[] => [...before, value];

/** `"90s"`, `"15m"` → ms */
export function durationFlag(text: string): number {
  const value = ms(text as ms.StringValue);
  if (typeof value !== 'number' || !(value >= 0)) throw new InvalidArgumentError('expected a duration such as "30s" or "15m"');
  return value;
}

/** `"2h"` from now, or `"2026-12-01T06:00:00Z"` */
export function untilFlag(text: string): Date {
  const at = /T.*(Z|[+-]\d\d:?\d\d)$/.test(text)
    ? Date.parse(text)
    : /[a-z]$/i.test(text)
      ? Date.now() + Number(ms(text as ms.StringValue))
      : Number.NaN;
  if (Number.isNaN(at))
    throw new InvalidArgumentError('expected a duration such as "2h", or a time with its zone such as "2026-12-01T06:00:00Z"');
  return new Date(at);
}

export function integerFlag(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 0) throw new InvalidArgumentError('expected a whole number, 0 or more');
  return value;
}

export const addExpectFlags = (command: Command): Command =>
  command
    .option('--expect <migration>', 'newest migration that the workers must know (default: the newest in your own migrations folder)')
    .option('--expect-timeout <duration>', 'how long to wait for such a worker (default: 2m)', durationFlag);

/** Also without the flags a worker is expected to know what the caller has: an old one must not answer for a new release. */
export function expectOptions(flags: ExpectFlags, config: LoadedConfig): Pick<PlanOptions, 'expect' | 'expectTimeoutMs'> {
  const expect = flags.expect ?? newestMigration(config);
  return {
    ...(expect === undefined ? {} : { expect: withoutExtension(expect) }),
    ...(flags.expectTimeout === undefined ? {} : { expectTimeoutMs: flags.expectTimeout }),
  };
}

export const addPlanFlags = (command: Command): Command =>
  addSelectionFlags(command.option('--to <migration>', 'migration that every tenant shall stand at (default: the newest)'));

/** Which tenants, and by which strategy. */
export function addSelectionFlags(
  command: Command,
  onBreach: readonly string[] = ['rollbackWave', 'rollbackRollout', 'halt', 'continue'],
): Command {
  const selecting = command
    .option('--tenant <id>', 'only this tenant; may be repeated', collect)
    .option('--selector <labels>', 'only tenants whose labels match, e.g. "plan=gold,host!=pg-eu-2"')
    .option('--strategy <name>', "auto, fast, cautious, or one of the config's strategies")
    .addOption(new Option('--on-breach <what>', 'when the failure budget is exceeded').choices(onBreach));
  return addExpectFlags(selecting);
}

export function planOptions(flags: PlanFlags, config: LoadedConfig): PlanOptions {
  return {
    ...(flags.to === undefined ? {} : { to: withoutExtension(flags.to) }),
    ...(flags.tenant === undefined ? {} : { tenants: flags.tenant }),
    ...(flags.selector === undefined ? {} : { selector: flags.selector }),
    ...(flags.strategy === undefined ? {} : { strategy: flags.strategy }),
    ...expectOptions(flags, config),
    ...(flags.onBreach === undefined ? {} : { onBreach: flags.onBreach }),
  };
}

/** Shells complete file names; plans name migrations without extension. */
export const withoutExtension = (name: string): string => name.replace(/^.*[\\/]/, '').replace(/\.[cm]?[jt]s$/, '');
