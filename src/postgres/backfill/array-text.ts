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
  if (value instanceof Date) return value.toISOString();
  if (Buffer.isBuffer(value)) return `\\x${value.toString('hex')}`;
  if (Array.isArray(value)) return nested(value);
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}

const nested = (values: readonly unknown[]): string =>
  `{${values.map((value) => (Array.isArray(value) ? nested(value) : element(valueText(value, { json: false })))).join(',')}}`;
