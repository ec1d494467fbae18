/** The migration files that a page of `docs/` shows: each code block that begins with its file's name. */

import { readFileSync } from 'node:fs';

export function exampleOf(page: string): Record<string, string> {
  const text = readFileSync(new URL(`../../docs/${page}.md`, import.meta.url), 'utf8');
  return Object.fromEntries([...text.matchAll(/```ts\n\/\/ (\S+)\n([\s\S]*?)```/g)].map(([, name, source]) => [name!, source!]));
}
