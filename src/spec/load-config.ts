/** Finds, loads and checks `flotilla.config.*`. Every mistake is reported at once, each with its path. */

import { existsSync } from 'node:fs';
import { dirname, isAbsolute, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createJiti } from 'jiti';
import type { z } from 'zod';
import { FlotillaError } from '../domain/errors.js';
import { loadTrouble } from '../domain/load-trouble.js';
import { strategyMistakes } from '../domain/strategy-mistakes.js';
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

export interface ConfigProblem {
  /** `hosts.pg-eu-1.connection` */
  readonly path: string;
  readonly message: string;
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
  const invalid = (problems: readonly ConfigProblem[]) =>
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

const SECRET = /connection|admin|secret|password|token/i;
/** A connection string may stand in any field by mistake. */
const DSN = /:\/\/|password\s*=/i;

/** What was found, without ever repeating something that may be a secret. */
function found(path: readonly PropertyKey[], raw: unknown): string {
  let value: unknown = raw;
  for (const key of path) value = (value as Record<PropertyKey, unknown> | undefined | null)?.[key];
  if (value === undefined) return 'nothing';
  if (value === null) return 'null';
  if (path.some((key) => SECRET.test(String(key)))) return typeof value === 'string' ? 'some text (not shown)' : `a ${typeof value}`;
  if (typeof value === 'string' && DSN.test(value)) return 'some text (not shown)';
  if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') return JSON.stringify(value).slice(0, 60);
  if (Array.isArray(value)) return `an array of ${value.length}`;
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`;
}

function describeIssues(issues: readonly z.core.$ZodIssue[], raw: unknown, base: readonly PropertyKey[] = []): ConfigProblem[] {
  return issues.flatMap((issue): ConfigProblem[] => {
    const path = [...base, ...issue.path];
    if (issue.code === 'invalid_key') return [{ path: path.slice(0, -1).map(String).join('.'), message: invalidKey(issue, path.at(-1)) }];
    const at = path.map(String).join('.');
    if (issue.code === 'unrecognized_keys')
      return issue.keys.map((key) => ({ path: at ? `${at}.${key}` : key, message: 'there is no such field; is it misspelt?' }));
    if (issue.code === 'invalid_union') {
      // Show the branch that came closest: the one with the fewest problems that are not about its own type
      const branches = issue.errors.map((branch) => describeIssues(branch, raw, path)).filter((branch) => branch.length);
      const deep = branches.filter((branch) => branch.some((problem) => problem.path !== at));
      if (deep.length) return deep.sort((a, b) => a.length - b.length)[0]!;
      const expected = [
        ...new Set(branches.flat().map((problem) => problem.message.replace(/; found .*$/, '').replace(/^expected /, ''))),
      ].join(', or ');
      return [{ path: at, message: `expected ${expected}; found ${found(path, raw)}` }];
    }
    const message = issue.message.replace(/^Invalid input: /, '').replace(/, received .*$/, '');
    return [{ path: at, message: `${message}; found ${found(path, raw)}` }];
  });
}

/** A key is not repeated in a path: it may be a connection string, too. */
const invalidKey = (issue: z.core.$ZodIssueInvalidKey, key: PropertyKey | undefined): string =>
  `${issue.issues.map(({ message }) => message).join(', ')}; found the key ${found(['key'], { key })}`;

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
function crossChecks(fleet: CrossChecked): ConfigProblem[] {
  const problems: ConfigProblem[] = [];
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
