/** The only reader of the process environment. What it answers is plain data, read once when asked. */

import { userInfo } from 'node:os';

export interface Environment {
  /** FLOTILLA_CONFIG: the config file. */
  readonly config?: string;
  /** FLOTILLA_ACTOR, or the user's name: who asks. Self-reported. */
  readonly actor: string;
  /** FLOTILLA_TEMPORAL_BIN: the Temporal server binary for `flotilla dev`. */
  readonly temporalBin?: string;
  /** FLOTILLA_LOG_LEVEL: of the worker's log. @defaultValue info */
  readonly logLevel: string;
  /** FLOTILLA_BUILD: name of the worker's build, e.g. the commit. */
  readonly build?: string;
  readonly path: string;
  readonly cacheHome?: string;
  readonly noColor: boolean;
  readonly ci: boolean;
}

export function readEnvironment(env: NodeJS.ProcessEnv = process.env): Environment {
  const optional = <K extends string>(key: K, value: string | undefined) => (value ? ({ [key]: value } as Record<K, string>) : {});
  return {
    ...optional('config', env.FLOTILLA_CONFIG),
    actor: env.FLOTILLA_ACTOR || env.USER || env.LOGNAME || systemUser(),
    ...optional('temporalBin', env.FLOTILLA_TEMPORAL_BIN),
    logLevel: env.FLOTILLA_LOG_LEVEL || 'info',
    ...optional('build', env.FLOTILLA_BUILD),
    path: env.PATH ?? '',
    ...optional('cacheHome', env.XDG_CACHE_HOME),
    noColor: Boolean(env.NO_COLOR),
    ci: Boolean(env.CI),
  };
}

/** Containers often set no USER; a user id without a name has none at all. */
function systemUser(): string {
  try {
    return userInfo().username;
  } catch {
    return 'unknown';
  }
}

/** One variable by name, for `env:NAME` references. */
export const readVariable = (name: string): string | undefined => process.env[name];

/** Fills in variables that are not set, e.g. those that `flotilla dev` left for the project's other commands. */
export function provideVariables(defaults: Readonly<Record<string, string>>): void {
  for (const [name, value] of Object.entries(defaults)) process.env[name] ??= value;
}

/** The environment for a child process that is to use a certain Temporal server: none of this process's TEMPORAL_* settings go along. */
export function childEnvironment(
  overrides: Readonly<Record<string, string>>,
  env: NodeJS.ProcessEnv = process.env,
): Record<string, string | undefined> {
  const kept = Object.entries(env).filter(([name]) => !name.startsWith('TEMPORAL_'));
  return { ...Object.fromEntries(kept), ...overrides };
}
