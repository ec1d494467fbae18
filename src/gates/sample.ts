/** What an answer means to a gate, whoever gave it. */

import type { Sample } from '../domain/gates.js';

/** A gate that takes longer to answer than this has not answered. */
export const ANSWER_WITHIN_MS = 10_000;

export const silent = (text: string): Sample => ({ kind: 'error', text });

/** Numbers are held against the limits; true passes, false fails; anything else says nothing. */
export function sampleOf(answer: unknown): Sample {
  if (typeof answer === 'boolean') return answer ? { kind: 'pass' } : { kind: 'fail', text: 'it answers false' };
  // Postgres's bigint and numeric, and Prometheus's values, come as text
  const value = typeof answer === 'string' && answer.trim() !== '' ? Number(answer) : answer;
  if (typeof value === 'number' && Number.isFinite(value)) return { kind: 'value', value };
  if (answer === undefined) return { kind: 'inconclusive', text: 'it answers nothing' };
  return { kind: 'inconclusive', text: answer === null ? 'it answers null' : 'it answers neither a number nor a boolean' };
}
