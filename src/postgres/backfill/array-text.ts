/** Values of one column as the text of an array of texts, each of which Postgres reads as a value of the column's type. */

import type { Column } from './target.js';

const NUMBER = /^-?\d+$/;
const ESCAPED = /["\\]/g;

/** Most values need nothing: looking first costs less than replacing. */
function element(text: string | null): string {
  if (text === null) return 'NULL';
  if (NUMBER.test(text)) return text;
  return `"${text.search(ESCAPED) < 0 ? text : text.replace(ESCAPED, '\\$&')}"`;
}

/** https://www.postgresql.org/docs/current/arrays.html#ARRAYS-IO */
export const arrayText = (texts: readonly (string | null)[]): string => `{${texts.map(element).join(',')}}`;

export function valueText(value: unknown, { json }: Pick<Column, 'json'>): string | null {
  if (value === null || value === undefined) return null;
  if (json) return JSON.stringify(value);
  if (value instanceof Date) return localText(value);
  if (Buffer.isBuffer(value)) return `\\x${value.toString('hex')}`;
  if (Array.isArray(value)) return nested(value);
  if (typeof value !== 'object') return String(value);
  // As the driver has it with values that it made itself, such as an interval
  const { toPostgres } = value as { toPostgres?: () => unknown };
  return typeof toPostgres === 'function' ? valueText(toPostgres.call(value), { json }) : JSON.stringify(value);
}

/**
 * Local time with its offset, as the driver reads and writes it: a column without a time zone takes the first, one with a zone heeds the second.
 * @throws RangeError when it is no date
 */
function localText(date: Date): string {
  const minutes = -date.getTimezoneOffset();
  const two = (n: number) => String(Math.floor(n)).padStart(2, '0');
  const offset = `${minutes < 0 ? '-' : '+'}${two(Math.abs(minutes) / 60)}:${two(Math.abs(minutes) % 60)}`;
  return new Date(date.getTime() + minutes * 60_000).toISOString().replace('Z', offset);
}

const nested = (values: readonly unknown[]): string =>
  `{${values.map((value) => (Array.isArray(value) ? nested(value) : element(valueText(value, { json: false })))).join(',')}}`;
