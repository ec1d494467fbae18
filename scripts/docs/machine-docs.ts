/** The drawn part of docs/state-machine.md, from the table in `src/domain/rollout-machine.ts`. */

import { drawMachine, ROLLOUT_MACHINE } from '../../src/domain/rollout/machine.js';

const BEGIN = '<!-- drawing: made by "npm run docs" from src/domain/rollout-machine.ts; do not edit up to the end of the drawing -->';
const END = '<!-- end of the drawing -->';

export function machineDrawing(): string {
  const ways = ROLLOUT_MACHINE.flatMap(({ state, moves }) => moves.map(({ by, to }) => `| \`${state}\` | ${by} | \`${to}\` |`));
  return `${BEGIN}

\`\`\`mermaid
${drawMachine()}
\`\`\`

The same as a table:

| from | by | to |
|---|---|---|
${ways.join('\n')}

${END}`;
}

/** The page with a new drawing; the text around it stays. */
export function withDrawing(page: string): string {
  const [from, to] = [page.indexOf(BEGIN), page.indexOf(END)];
  if (from < 0 || to < from) throw new Error('docs/state-machine.md has lost the marks around its drawing');
  return `${page.slice(0, from)}${machineDrawing()}${page.slice(to + END.length)}`;
}
