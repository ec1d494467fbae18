import Table from 'cli-table3';

export interface Column {
  readonly head: string;
  readonly align?: 'left' | 'right';
}

const NO_LINES = Object.fromEntries(
  'top top-mid top-left top-right bottom bottom-mid bottom-left bottom-right left left-mid mid mid-mid right right-mid'
    .split(' ')
    .map((name) => [name, '']),
);

/** Columns without lines; wide characters are measured as the terminal shows them. */
export function table(columns: readonly Column[], rows: readonly (readonly (string | number)[])[]): string {
  const it = new Table({
    head: columns.map((column) => column.head),
    colAligns: columns.map((column) => column.align ?? 'left'),
    chars: { ...NO_LINES, middle: '  ' },
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 0, compact: true },
  });
  it.push(...rows.map((row) => row.map(String)));
  return it
    .toString()
    .split('\n')
    .map((line) => line.trimEnd())
    .join('\n');
}
