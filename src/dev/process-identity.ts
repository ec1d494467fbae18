/** Tells a process from a later one that was given the same number. */

import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

/** When the process started, in the system's own words; undefined when it does not run (or has ended and waits to be collected). */
export function startOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The name in parentheses may hold anything; fields are counted from behind it: state first, start time 20th.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z' ? undefined : fields[19];
  } catch {
    // no such process, or a system without /proc
  }
  try {
    return (
      execFileSync('ps', ['-o', 'lstart=', '-p', String(pid)], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim() ||
      undefined
    );
  } catch {
    return undefined;
  }
}

export interface KnownProcess {
  readonly pid: number;
  readonly startedAt?: string | undefined;
}

/** Does this very process still run? */
export const stillRuns = ({ pid, startedAt }: KnownProcess): boolean => {
  const start = startOf(pid);
  return start !== undefined && (startedAt === undefined || start === startedAt);
};
