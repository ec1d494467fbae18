/** What fits in no strategy although each field by itself is right. Every mistake is told, each with what to do. */

import ms from 'ms';
import type { StrategySpec } from '../spec/strategy.js';
import { scheduleTrouble } from './windows.js';

export interface Mistake {
  /** From the strategy on: `waves.0.name`. */
  readonly path: string;
  readonly message: string;
}

/** Names that Flotilla gives to waves of its own. */
export const RESERVED_WAVES = ['canary', 'remainder', 'sweep'] as const;

const time = (text: string | undefined, fallback: number): number => (text === undefined ? fallback : ms(text as ms.StringValue));
const none = (text: string | undefined): boolean => time(text, 0) === 0;

export function strategyMistakes(spec: StrategySpec): Mistake[] {
  return [
    ...waves(spec),
    ...canary(spec),
    ...concurrency(spec),
    ...failures(spec),
    ...retries(spec),
    ...approval(spec),
    ...windows(spec),
    ...gates(spec),
  ];
}

function waves({ waves = [], canary, unmatched }: StrategySpec): Mistake[] {
  const mistakes: Mistake[] = [];
  const seen = new Set<string>();
  waves.forEach(({ name, selector }, index) => {
    const path = `waves.${index}.name`;
    if (seen.has(name)) mistakes.push({ path, message: `the wave name "${name}" is taken; give each wave a name of its own` });
    if ((RESERVED_WAVES as readonly string[]).some((reserved) => name === reserved || name.startsWith(`${reserved}-`)))
      mistakes.push({ path, message: `"${name}" is a name for Flotilla's own waves; choose another` });
    seen.add(name);
    for (const [at, { operator, values }] of (selector?.matchExpressions ?? []).entries()) {
      const takes = operator === 'In' || operator === 'NotIn';
      if (takes !== (values !== undefined && values.length > 0))
        mistakes.push({
          path: `waves.${index}.selector.matchExpressions.${at}.values`,
          message: takes ? `${operator} needs values; name at least one` : `${operator} takes no values; leave them out`,
        });
    }
  });
  if (unmatched !== undefined && waves.length === 0)
    mistakes.push({
      path: 'unmatched',
      message: 'without waves there is one wave for all, so nobody is unmatched; leave it out, or name waves',
    });
  const open = waves.findIndex((wave) => wave.selector === undefined && wave.size === undefined);
  if (open >= 0 && open < waves.length - 1)
    mistakes.push({
      path: `waves.${open + 1}`,
      message: `wave "${waves[open]!.name}" takes everybody before it; give that wave a selector or a size, or put it last`,
    });
  if (canary === false && waves.length === 0)
    mistakes.push({ path: 'canary', message: 'neither canary nor waves: everybody at once; name at least one wave if that is meant' });
  return mistakes;
}

function canary({ canary, exclude = [] }: StrategySpec): Mistake[] {
  if (!canary) return [];
  const { include = [], exclude: not = [], count } = canary;
  const both = (list: readonly string[], why: string): Mistake[] =>
    include
      .filter((id) => list.includes(id))
      .map((id) => ({ path: 'canary.include', message: `"${id}" is also in ${why}; take it out of one of them` }));
  return [
    ...both(not, 'canary.exclude'),
    ...both(exclude, 'exclude'),
    ...(count !== undefined && count < include.length
      ? [
          {
            path: 'canary.count',
            message: `${count} is fewer than the ${include.length} tenants of canary.include; raise it or leave it out`,
          },
        ]
      : []),
  ];
}

function concurrency({ waves = [], maxConcurrency = 50, maxConcurrencyPerHost, ramp }: StrategySpec): Mistake[] {
  const mistakes: Mistake[] = [];
  const above = (path: string, value: number | undefined, limit: number, what: string) => {
    if (value !== undefined && value > limit)
      mistakes.push({ path, message: `${value} is above ${what} (${limit}), which holds all the same; lower it, or raise the other` });
  };
  above('maxConcurrencyPerHost', maxConcurrencyPerHost, maxConcurrency, 'maxConcurrency');
  waves.forEach((wave, index) => {
    above(`waves.${index}.maxConcurrency`, wave.maxConcurrency, maxConcurrency, "the rollout's maxConcurrency");
    above(
      `waves.${index}.maxConcurrencyPerHost`,
      wave.maxConcurrencyPerHost,
      wave.maxConcurrency ?? maxConcurrency,
      "the wave's maxConcurrency",
    );
  });
  above('ramp.initial', ramp?.initial, maxConcurrencyPerHost ?? 4, 'maxConcurrencyPerHost');
  return mistakes;
}

function failures({ waves = [], onBreach, maxFailures, sameErrorThreshold }: StrategySpec): Mistake[] {
  const mistakes: Mistake[] = [];
  if (onBreach === 'continue') {
    const message = 'onBreach is "continue": nothing halts at a limit; leave the limit out, or choose another onBreach';
    if (maxFailures !== undefined) mistakes.push({ path: 'maxFailures', message });
    waves.forEach((wave, index) => {
      if (wave.maxFailures !== undefined) mistakes.push({ path: `waves.${index}.maxFailures`, message });
    });
    if (sameErrorThreshold) mistakes.push({ path: 'sameErrorThreshold', message });
  }
  if (sameErrorThreshold && sameErrorThreshold.count > sameErrorThreshold.window)
    mistakes.push({
      path: 'sameErrorThreshold.count',
      message: `${sameErrorThreshold.count} of the last ${sameErrorThreshold.window} can never be; raise window or lower count`,
    });
  return mistakes;
}

function retries({ retry = {}, timeouts = {} }: StrategySpec): Mistake[] {
  const mistakes: Mistake[] = [];
  const { quickTries = 3, maxAttempts = 10, minBackoff, maxBackoff } = retry;
  if (quickTries > maxAttempts)
    mistakes.push({
      path: 'retry.quickTries',
      message: `${quickTries} is above maxAttempts (${maxAttempts}); lower it, or raise maxAttempts`,
    });
  if (time(minBackoff, 1_000) > time(maxBackoff, 60_000))
    mistakes.push({ path: 'retry.minBackoff', message: `it is above maxBackoff (${maxBackoff ?? '60s'}); lower it, or raise maxBackoff` });
  if (timeouts.lock !== undefined && none(timeouts.lock))
    mistakes.push({ path: 'timeouts.lock', message: 'to Postgres 0 means waiting for ever, with all traffic behind it; give a time' });
  if (time(timeouts.lock, 500) >= time(timeouts.statement, 900_000) && !none(timeouts.statement))
    mistakes.push({ path: 'timeouts.lock', message: 'it is not below the statement time-out, which would end every wait first; lower it' });
  if (timeouts.tenant !== undefined && none(timeouts.tenant))
    mistakes.push({ path: 'timeouts.tenant', message: 'nobody can be migrated in no time; leave it out for no limit' });
  return mistakes;
}

function approval({ approval, waves = [], canary }: StrategySpec): Mistake[] {
  if (!approval) return [];
  const mistakes: Mistake[] = [];
  if (Array.isArray(approval.when)) {
    const known = [...(canary === false ? [] : ['canary']), ...(waves.length > 0 ? waves.map((wave) => wave.name) : ['rest'])];
    approval.when.forEach((name, index) => {
      if (!known.includes(name))
        mistakes.push({ path: `approval.when.${index}`, message: `there is no wave "${name}"; known are ${known.join(', ')}` });
    });
  } else if (approval.when === 'afterCanary' && canary === false)
    mistakes.push({ path: 'approval.when', message: 'there is no canary to approve after; name waves, or leave canary as it is' });
  if (approval.timeout !== undefined && none(approval.timeout))
    mistakes.push({ path: 'approval.timeout', message: 'nobody can approve in no time; give a time, or leave approval out' });
  return mistakes;
}

function windows({ windows = [] }: StrategySpec): Mistake[] {
  return windows.flatMap(({ schedule, timeZone = 'UTC', duration }, index) => {
    const trouble = scheduleTrouble({ schedule, timeZone });
    return [
      ...(trouble ? [{ path: `windows.${index}.schedule`, message: trouble }] : []),
      ...(none(duration) ? [{ path: `windows.${index}.duration`, message: 'a window of no time never opens; give it a length' }] : []),
    ];
  });
}

function gates({ gates = [], bakeTime, finalBakeTime, waves = [], canary }: StrategySpec): Mistake[] {
  const mistakes: Mistake[] = [];
  const bakes = [bakeTime, finalBakeTime, ...waves.map((wave) => wave.bakeTime), canary ? canary.bakeTime : undefined].some(
    (it) => !none(it),
  );
  const seen = new Set<string>();
  gates.forEach((gate, index) => {
    const at = (field: string) => `gates.${index}.${field}`;
    const name = gate.type === 'builtin' ? gate.check : gate.name;
    if (seen.has(name)) mistakes.push({ path: at('name'), message: `the gate name "${name}" is taken; give each gate a name of its own` });
    seen.add(name);
    const { throttle, abort, when = 'above' } = gate;
    if (throttle !== undefined && abort !== undefined && (when === 'above' ? throttle >= abort : throttle <= abort))
      mistakes.push({
        path: at('throttle'),
        message: `it is not reached before abort (${abort}) with when "${when}"; a gate slows down first and stops later`,
      });
    if (gate.type === 'http' && gate.field === undefined && (throttle !== undefined || abort !== undefined))
      mistakes.push({ path: at('field'), message: 'limits need a number: name the field of the answer that holds it, or leave them out' });
    if (gate.type === 'prometheus' && throttle === undefined && abort === undefined)
      mistakes.push({ path: at('abort'), message: 'without a limit it never says anything; give throttle, abort or both' });
    if (gate.phase?.length === 1 && gate.phase[0] === 'bake' && !bakes)
      mistakes.push({ path: at('phase'), message: 'no wave has a bake time, so it is never looked at; give one, or choose another phase' });
    if (gate.interval !== undefined && time(gate.interval, 0) < 100)
      mistakes.push({ path: at('interval'), message: 'looking more often than every 100ms is load by itself; raise it' });
  });
  return mistakes;
}
