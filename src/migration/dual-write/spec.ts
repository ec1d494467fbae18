/** What a migration says of a dual write. Plain data: it reads the same in whichever copy of this package it was written. */

import { FlotillaError } from '../../domain/errors.js';

/** Column → SQL over the columns of the other side's row, by their bare names. */
export type Columns = Readonly<Record<string, string>>;

/** Old and new columns in one row. */
export interface SameRowSpec {
  readonly table: string;
  /** Tells two dual writes of one table apart. @defaultValue the new columns, joined */
  readonly name?: string;
  /** The old columns. */
  readonly from: string | readonly string[];
  /** The new columns, each with what the old ones say. A plain name is a copy of the one old column, and goes both ways. */
  readonly to: string | Columns;
  /** Old columns, each with what the new ones say. Without it nothing goes back. */
  readonly back?: Columns;
}

/** Each row of one table kept as a row of another. */
export interface AcrossTablesSpec {
  readonly table: string;
  /** @defaultValue the other table */
  readonly name?: string;
  readonly into: string;
  /** Column there → column here. Unique there, and with `back` here too. */
  readonly key: Columns;
  /** Columns there, each with what the row here says. */
  readonly to: Columns;
  /** Columns here, each with what the row there says. Rows that are new there then come here, too. Without it nothing goes back. */
  readonly back?: Columns;
  /** A row that is deleted there is deleted here, too. @defaultValue false */
  readonly backDeletes?: boolean;
}

export type DualWriteSpec = SameRowSpec | AcrossTablesSpec;

export const isAcross = (spec: DualWriteSpec): spec is AcrossTablesSpec => 'into' in spec;

/** @throws FLT_MIGRATION_INVALID with all mistakes, each with its path */
export function assertSpec(spec: DualWriteSpec): void {
  const mistakes = findMistakes(spec);
  if (mistakes.length)
    throw new FlotillaError('FLT_MIGRATION_INVALID', `dualWrite: ${mistakes.join('; ')}.`, { helper: 'dualWrite', mistakes });
}

const SAME_ROW = ['table', 'name', 'from', 'to', 'back'];
const ACROSS = ['table', 'name', 'into', 'key', 'to', 'back', 'backDeletes'];

function findMistakes(spec: unknown): readonly string[] {
  if (!isRecord(spec)) return ['expected an object'];
  const mistakes: string[] = [];
  const across = 'into' in spec;
  const { table, name, from, into, key, to, back, backDeletes } = spec;
  const say = (path: string, text: string) => mistakes.push(`${path}: ${text}`);

  const checkName = (path: string, value: unknown) => {
    const text = typeof value === 'string' && value !== '' && !value.includes('\0');
    if (!text) say(path, 'expected a name');
    // The server would cut it, and then look for another
    else if (Buffer.byteLength(value) > 63) say(path, 'expected a name of at most 63 bytes');
  };
  const checkMap = (path: string, value: unknown, checkValue: (path: string, value: unknown) => void): readonly string[] => {
    if (!isRecord(value) || Object.keys(value).length === 0) {
      say(path, 'expected an object with at least one column');
      return [];
    }
    for (const [column, it] of Object.entries(value)) {
      checkName(`${path}.${column}`, column);
      checkValue(`${path}.${column}`, it);
    }
    return Object.keys(value);
  };
  const checkSql = (path: string, value: unknown) => {
    if (typeof value !== 'string' || value.trim() === '') say(path, 'expected SQL');
  };

  for (const field of Object.keys(spec))
    if (!(across ? ACROSS : SAME_ROW).includes(field)) say(field, `there is no such field ${across ? 'with' : 'without'} "into"`);
  checkName('table', table);
  if (name !== undefined && (typeof name !== 'string' || name === '')) say('name', 'expected a text');

  if (across) {
    checkName('into', into);
    if (into === table) say('into', 'expected another table');
    const keys = checkMap('key', key, checkName);
    const columns = checkMap('to', to, checkSql);
    for (const column of columns) if (keys.includes(column)) say(`to.${column}`, 'it is in the key already');
    const backTo = back === undefined ? [] : checkMap('back', back, checkSql);
    for (const column of backTo)
      if (isRecord(key) && Object.values(key).includes(column)) say(`back.${column}`, 'it is in the key already');
    if (backDeletes !== undefined && typeof backDeletes !== 'boolean') say('backDeletes', 'expected true or false');
    if (backDeletes && back === undefined) say('backDeletes', 'there is no "back"');
    return mistakes;
  }

  const sources = Array.isArray(from) ? (from as unknown[]) : [from];
  if (sources.length === 0) say('from', 'expected at least one column');
  sources.forEach((column, index) => {
    checkName(Array.isArray(from) ? `from.${index}` : 'from', column);
  });
  if (typeof to === 'string') {
    checkName('to', to);
    if (sources.includes(to)) say('to', 'it is in "from" already');
    if (sources.length > 1) say('to', 'a plain name is a copy of one column; expected an object: column → SQL');
    if (back !== undefined) say('back', 'a copy goes both ways by itself; leave it out, or write "to" as an object');
    return mistakes;
  }
  for (const column of checkMap('to', to, checkSql)) if (sources.includes(column)) say(`to.${column}`, 'it is in "from" already');
  for (const column of back === undefined ? [] : checkMap('back', back, checkSql))
    if (!sources.includes(column)) say(`back.${column}`, 'it is not in "from"');
  return mistakes;
}

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value);
