import { readFileSync } from 'node:fs';
import { expect, inject, it } from 'vitest';

const modules = (): string[] => {
  const code = readFileSync(inject('temporal').codePath, 'utf8');
  return [...new Set([...code.matchAll(/^\/\*\*\*\/ "\.\/([^"]+)"$/gm)].map((match) => match[1]!))];
};

it('keeps everything that is not workflow code out of the bundle', () => {
  const inside = modules();
  expect(inside.some((module) => module.includes('src/workflows/rollout'))).toBe(true);
  const strangers = inside.filter((module) =>
    /node_modules\/(pino|zod|pg|knex|jiti|commander|@temporalio\/(client|worker|activity))\//.test(module),
  );
  expect(strangers).toEqual([]);
  expect(inside.filter((module) => /src\/(activities|postgres|engines|control|client|commands|worker|dev)\//.test(module))).toEqual([]);
});
