import { cellsOf } from '../spec/cells.js';
import { buildOf } from './build.js';
import type { Activities } from './contract.js';
import type { ActivityDeps } from './deps.js';

/** Answers at once: who is here, and has this worker the file that the caller expects? */
export const createHello =
  (deps: ActivityDeps): Activities['hello'] =>
  async ({ expect }) => {
    const { files, problems } = await deps.engine.list();
    const wanted = expect?.replace(/\.[cm]?[jt]s$/, '');
    // A file that does not load is here all the same: planning then says what is wrong with it
    const has = (name: string) => files.some((file) => file.name === name) || problems.some(({ file }) => file.startsWith(`${name}.`));
    return {
      build: await buildOf(deps),
      pid: process.pid,
      newest: files.at(-1)?.name ?? null,
      migrations: files.length,
      cells: cellsOf(deps.fleet),
      expectMet: wanted === undefined || has(wanted),
    };
  };
