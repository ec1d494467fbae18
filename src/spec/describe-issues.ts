/** What is wrong with something that a person wrote, in words for that person. */

import type { z } from 'zod';

export interface SpecProblem {
  /** Dotted; empty: the whole. */
  readonly path: string;
  readonly message: string;
}

const SECRET = /connection|admin|secret|password|token/i;
/** A connection string may stand in any field by mistake. */
const DSN = /:\/\/|password\s*=/i;

/** What was found, without ever repeating something that may be a secret. */
function found(path: readonly PropertyKey[], raw: unknown): string {
  let value: unknown = raw;
  for (const key of path) value = (value as Record<PropertyKey, unknown> | undefined | null)?.[key];
  if (value === undefined) return 'nothing';
  if (value === null) return 'null';
  if (path.some((key) => SECRET.test(String(key)))) return typeof value === 'string' ? 'some text (not shown)' : `a ${typeof value}`;
  if (typeof value === 'string' && DSN.test(value)) return 'some text (not shown)';
  if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') return JSON.stringify(value).slice(0, 60);
  if (Array.isArray(value)) return `an array of ${value.length}`;
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`;
}

/** Every problem at once, each with its path, what was expected and what was found. */
export function describeIssues(issues: readonly z.core.$ZodIssue[], raw: unknown, base: readonly PropertyKey[] = []): SpecProblem[] {
  return issues.flatMap((issue): SpecProblem[] => {
    const path = [...base, ...issue.path];
    if (issue.code === 'invalid_key') return [{ path: path.slice(0, -1).map(String).join('.'), message: invalidKey(issue, path.at(-1)) }];
    const at = path.map(String).join('.');
    if (issue.code === 'unrecognized_keys')
      return issue.keys.map((key) => ({ path: at ? `${at}.${key}` : key, message: 'there is no such field; is it misspelt?' }));
    // No branch at all: what tells them apart has none of its values
    if (issue.code === 'invalid_union' && issue.errors.length) {
      // Show the branch that came closest: the one with the fewest problems that are not about its own type
      const branches = issue.errors.map((branch) => describeIssues(branch, raw, path)).filter((branch) => branch.length);
      const deep = branches.filter((branch) => branch.some((problem) => problem.path !== at));
      if (deep.length) return deep.sort((a, b) => a.length - b.length)[0]!;
      const expected = [
        ...new Set(branches.flat().map((problem) => problem.message.replace(/; found .*$/, '').replace(/^expected /, ''))),
      ].join(', or ');
      return [{ path: at, message: `expected ${expected}; found ${found(path, raw)}` }];
    }
    const message = issue.message.replace(/^Invalid input: /, '').replace(/, received .*$/, '');
    return [{ path: at, message: `${message}; found ${found(path, raw)}` }];
  });
}

/** A key is not repeated in a path: it may be a connection string, too. */
const invalidKey = (issue: z.core.$ZodIssueInvalidKey, key: PropertyKey | undefined): string =>
  `${issue.issues.map(({ message }) => message).join(', ')}; found the key ${found(['key'], { key })}`;
