/** What kind of project a folder is, so that files written into it look like their neighbours. */

import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

export interface Project {
  readonly dir: string;
  /** A fleet name made from the package's name. */
  readonly fleetName: string;
  /** TypeScript files are at home here. */
  readonly typescript: boolean;
  /** `.js` files are ES modules. */
  readonly esm: boolean;
}

interface PackageJson {
  readonly name?: string;
  readonly type?: string;
  readonly dependencies?: Record<string, string>;
  readonly devDependencies?: Record<string, string>;
}

function readPackage(dir: string): PackageJson {
  try {
    return JSON.parse(readFileSync(join(dir, 'package.json'), 'utf8')) as PackageJson;
  } catch {
    return {};
  }
}

/** Fleet names take letters, digits, ".", "_" and "-"; a package's scope is left out. */
export const toFleetName = (text: string): string =>
  text
    .replace(/^@[^/]*\//, '')
    .replace(/[^A-Za-z0-9_.-]+/g, '-')
    .replace(/^[^A-Za-z0-9]+/, '')
    .slice(0, 63) || 'fleet';

export function describeProject(dir: string): Project {
  const pkg = readPackage(dir);
  const { typescript } = { ...pkg.dependencies, ...pkg.devDependencies };
  return {
    dir,
    fleetName: toFleetName(pkg.name ?? dir.split(/[\\/]/).at(-1) ?? ''),
    typescript: typescript !== undefined || existsSync(join(dir, 'tsconfig.json')),
    esm: pkg.type === 'module',
  };
}
