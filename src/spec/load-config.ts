/** Finds, loads and checks `flotilla.config.*`. Every mistake is reported at once, each with its path. */

import { existsSync } from 'node:fs';
import { dirname, isAbsolute, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createJiti } from 'jiti';
import type { z } from 'zod';
import { FlotillaError } from '../domain/errors.js';
import { loadTrouble } from '../domain/load-trouble.js';
import { strategyMistakes } from '../domain/strategy-mistakes.js';
import { describeIssues, type SpecProblem } from './describe-issues.js';
import { type Fleet, fleetSpec } from './fleet.js';
import { PRESETS } from './strategy.js';

export const CONFIG_NAMES = ['ts', 'mts', 'js', 'mjs', 'cjs'].map((extension) => `flotilla.config.${extension}`);

export interface LoadedConfig {
  readonly fleet: Fleet;
  readonly path: string;
  /** Folder of the config file: relative paths start here. */
  readonly baseDir: string;
  /** Absolute. */
  readonly migrationDirectories: readonly string[];
  readonly taskQueue: string;
}

/** Path of the config file: the one given, or the first of the usual names in `cwd`. @throws FLT_CONFIG_NOT_FOUND */
export function findConfig(given: string | undefined, cwd: string): string {
  if (given) {
    const path = resolve(cwd, given);
    if (existsSync(path)) return path;
    throw new FlotillaError('FLT_CONFIG_NOT_FOUND', `There is no config file ${path}.`, { path });
  }
  for (const name of CONFIG_NAMES) if (existsSync(join(cwd, name))) return join(cwd, name);
  throw new FlotillaError('FLT_CONFIG_NOT_FOUND', `No flotilla.config.ts (or .mts, .js, .mjs, .cjs) in ${cwd}.`, { path: cwd });
}

/** This package's own modules, so that a config can say `import … from 'flotilla'` in a checkout, a build and an installation alike. */
export function selfAlias(): Record<string, string> {
  const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js';
  return {
    'flotilla/migration': fileURLToPath(new URL(`../migration/index.${extension}`, import.meta.url)),
    flotilla: fileURLToPath(new URL(`../index.${extension}`, import.meta.url)),
  };
}

/** @throws FLT_CONFIG_NOT_FOUND, FLT_CONFIG_INVALID with `details.problems` */
export async function loadConfig(given: string | undefined, cwd: string): Promise<LoadedConfig> {
  const path = findConfig(given, cwd);
  const invalid = (problems: readonly SpecProblem[]) =>
    new FlotillaError(
      'FLT_CONFIG_INVALID',
      `${path} has ${problems.length === 1 ? 'a mistake' : `${problems.length} mistakes`}:\n${problems.map((p) => `  ${p.path || '(file)'}: ${p.message}`).join('\n')}`,
      { path, problems: problems.map((p) => ({ ...p })) },
    );
  let raw: unknown;
  try {
    const jiti = createJiti(import.meta.url, {
      moduleCache: false,
      fsCache: false,
      interopDefault: true,
      alias: selfAlias(),
      tsconfigPaths: true,
      // Built JavaScript is loaded as it is: transforming our own client for each config would take seconds
      tryNative: true,
    });
    raw = await jiti.import(path, { default: true });
  } catch (error) {
    throw invalid([{ path: '', message: `it does not load: ${loadTrouble(error)}` }]);
  }
  if (raw === null || typeof raw !== 'object') throw invalid([{ path: '', message: 'expected "export default defineFleet({ … })"' }]);
  const parsed = fleetSpec.safeParse(raw);
  const problems = parsed.success
    ? crossChecks(parsed.data)
    : [...describeIssues(parsed.error.issues, raw), ...crossChecks(soundParts(raw))];
  if (!parsed.success || problems.length) throw invalid(problems);

  const fleet = parsed.data;
  const baseDir = dirname(path);
  const directories = typeof fleet.migrations.directory === 'string' ? [fleet.migrations.directory] : fleet.migrations.directory;
  return {
    fleet,
    path,
    baseDir,
    migrationDirectories: directories.map((directory) => (isAbsolute(directory) ? directory : join(baseDir, directory))),
    taskQueue: fleet.temporal?.taskQueue ?? 'flotilla',
  };
}

type CrossChecked = Partial<Pick<Fleet, 'hosts' | 'tenants' | 'strategy' | 'strategies'>>;

/** The parts that are right by themselves, so that mistakes between them are reported together with those of the others. */
function soundParts(raw: object): CrossChecked {
  const given = raw as Record<string, unknown>;
  const part = <T extends z.ZodType>(schema: T, key: keyof CrossChecked) => schema.safeParse(given[key]).data;
  const { hosts, tenants, strategy, strategies } = fleetSpec.shape;
  const own = part(strategies, 'strategies');
  return {
    hosts: part(hosts, 'hosts'),
    tenants: part(tenants, 'tenants'),
    strategies: own,
    // A strategy may be one of those that are not right
    strategy: own || given.strategies === undefined ? part(strategy, 'strategy') : undefined,
  };
}

/** Mistakes that only show between fields. */
function crossChecks(fleet: CrossChecked): SpecProblem[] {
  const problems: SpecProblem[] = [];
  const hosts = Object.keys(fleet.hosts ?? {});
  const knows = `the hosts are ${hosts.map((host) => `"${host}"`).join(', ')}`;
  fleet.tenants?.forEach((source, index) => {
    if (typeof source === 'function' || !fleet.hosts) return;
    if (source.kind === 'list') {
      source.tenants.forEach((tenant, at) => {
        if (!hosts.includes(tenant.host))
          problems.push({ path: `tenants.${index}.tenants.${at}.host`, message: `there is no host "${tenant.host}"; ${knows}` });
      });
    } else if (!hosts.includes(source.host))
      problems.push({ path: `tenants.${index}.host`, message: `there is no host "${source.host}"; ${knows}` });
  });
  const named = Object.keys(fleet.strategies ?? {});
  for (const name of named)
    if ((PRESETS as readonly string[]).includes(name))
      problems.push({ path: `strategies.${name}`, message: 'this name is a preset; choose another' });
  if (fleet.strategy && ![...PRESETS, ...named].includes(fleet.strategy))
    problems.push({
      path: 'strategy',
      message: `there is no strategy "${fleet.strategy}"; known are ${[...PRESETS, ...named].join(', ')}`,
    });
  for (const [name, strategy] of Object.entries(fleet.strategies ?? {}))
    for (const { path, message } of strategyMistakes(strategy)) problems.push({ path: `strategies.${name}.${path}`, message });
  return problems;
}
