/** What a loader says, on one line, with the place where it gives one (a line of its own that ends in `:line:column`); never a connection string. */
export function loadTrouble(error: unknown): string {
  const [what = '', place] = String((error as Error).message)
    .split('\n')
    .map((line) => line.trim())
    .filter(Boolean);
  return `${what}${place && /:\d+:\d+$/.test(place) ? ` at ${place}` : ''}`.replace(/\b\w+:\/\/\S*@\S+/g, '(connection string not shown)');
}
