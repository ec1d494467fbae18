/** The drawn parts of docs/state-machine.md, from the tables in `src/domain/rollout/machine.ts` and `src/domain/tenant-machine.ts`. */

import { drawMachine, ROLLOUT_MACHINE } from '../../src/domain/rollout/machine.js';
import { drawTenantMachine, TENANT_MACHINE } from '../../src/domain/tenant-machine.js';

const begin = (source: string) => `<!-- drawing: made by "npm run docs" from ${source}; do not edit up to the end of the drawing -->`;
const END = '<!-- end of the drawing -->';
const OF_ROLLOUT = begin('src/domain/rollout/machine.ts');
const OF_TENANT = begin('src/domain/tenant-machine.ts');
const mermaid = (drawing: string) => `\`\`\`mermaid\n${drawing}\n\`\`\``;

export function machineDrawing(): string {
  const ways = ROLLOUT_MACHINE.flatMap(({ state, moves }) => moves.map(({ by, to }) => `| \`${state}\` | ${by} | \`${to}\` |`));
  return `${OF_ROLLOUT}

${mermaid(drawMachine())}

The same as a table:

| from | by | to |
|---|---|---|
${ways.join('\n')}

${END}`;
}

export function tenantDrawing(): string {
  const rows = TENANT_MACHINE.map(
    ({ state, means, moves }) => `| \`${state}\` | ${means} | ${moves.map(({ by, to }) => `\`${to}\`: ${by}`).join('<br>') || 'nothing'} |`,
  );
  return `${OF_TENANT}

${mermaid(drawTenantMachine())}

| state | means | what moves it, and where to |
|---|---|---|
${rows.join('\n')}

${END}`;
}

/** The page with new drawings; the text around them stays. */
export const withDrawing = (page: string): string => replaced(replaced(page, OF_ROLLOUT, machineDrawing()), OF_TENANT, tenantDrawing());

function replaced(page: string, mark: string, drawing: string): string {
  const from = page.indexOf(mark);
  const to = page.indexOf(END, from);
  if (from < 0 || to < from) throw new Error('docs/state-machine.md has lost the marks around its drawings');
  return `${page.slice(0, from)}${drawing}${page.slice(to + END.length)}`;
}
