import Table from 'cli-table3';
import { clip } from './format.js';

export interface Column {
  readonly head: string;
  readonly align?: 'left' | 'right';
}

const GAP = '  ';
const NO_LINES = Object.fromEntries(
  'top top-mid top-left top-right bottom bottom-mid bottom-left bottom-right left left-mid mid mid-mid right right-mid'
    .split(' ')
    .map((name) => [name, '']),
);

/** Columns without lines, at most `width` wide: the last column gives way. Wide characters are measured as the terminal shows them. */
export function table(columns: readonly Column[], rows: readonly (readonly (string | number)[])[], width: number): string {
  const texts = rows.map((row) => row.map(String));
  const last = columns.length - 1;
  const taken = columns.slice(0, last).reduce((sum, column, index) => {
    const widest = Math.max([...column.head].length, ...texts.map((row) => [...(row[index] ?? '')].length));
    return sum + widest + GAP.length;
  }, 0);
  const it = new Table({
    head: columns.map((column) => column.head),
    colAligns: columns.map((column) => column.align ?? 'left'),
    chars: { ...NO_LINES, middle: GAP },
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 0, compact: true },
  });
  it.push(...texts.map((row) => row.map((text, index) => (index === last ? clip(text, Math.max(12, width - taken)) : text))));
  return it
    .toString()
    .split('\n')
    .map((line) => line.trimEnd())
    .join('\n');
}
