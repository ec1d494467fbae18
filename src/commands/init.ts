import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from 'commander';
import { EXIT } from '../client/exit-codes.js';
import type { FleetAnswers } from '../dev/scaffold/fleet-config.js';
import type { KnexfileSettings } from '../dev/scaffold/knexfile.js';
import { FlotillaError } from '../domain/errors.js';
import { globalsOf } from './shared/globals.js';
import { verbCommand } from './shared/verb-command.js';

interface InitFlags {
  readonly fromKnexfile?: string | true;
  readonly knexEnv?: string;
  readonly name?: string;
  readonly schemas?: string;
  readonly query?: string;
  readonly directory?: string;
  readonly force?: boolean;
  readonly yes?: boolean;
}

export function register(program: Command): void {
  verbCommand(program, 'init')
    .option('--from-knexfile [file]', 'take migration folders, tableName, schemaName and loadExtensions from a knexfile')
    .option('--knex-env <name>', 'environment of the knexfile (default: development)')
    .option('--name <fleet>', "name of the fleet (default: the package's name)")
    .option('--schemas <glob>', 'tenants are the schemas that fit (default: tenant_*)')
    .option('--query <sql>', 'tenants are the rows of this query instead')
    .option('--directory <folder>', 'folder of the tenant migrations (default: ./migrations)')
    .option('--force', 'overwrite an existing config')
    .option('-y, --yes', 'do not ask; take flags and defaults')
    .action((flags: InitFlags, command: Command) => init(flags, globalsOf(command).json));
}

async function init(flags: InitFlags, json: boolean): Promise<void> {
  const [{ describeProject }, { fleetConfigSource }, { CONFIG_NAMES, loadConfig }] = await Promise.all([
    import('../dev/scaffold/project.js'),
    import('../dev/scaffold/fleet-config.js'),
    import('../spec/load-config.js'),
  ]);
  const project = describeProject(process.cwd());
  const existing = CONFIG_NAMES.find((name) => existsSync(join(project.dir, name)));
  if (existing && !flags.force)
    throw new FlotillaError('FLT_FILE_EXISTS', `${existing} is there already and was left alone.`, { path: join(project.dir, existing) });

  const knexfile = flags.fromKnexfile === undefined ? undefined : await takeOver(flags, project.dir);
  const given: FleetAnswers = {
    name: flags.name ?? project.fleetName,
    tenants: flags.query === undefined ? 'schemas' : 'query',
    schemas: flags.schemas ?? 'tenant_*',
    ...(flags.query === undefined ? {} : { sql: flags.query }),
    directories: flags.directory ? [flags.directory] : (knexfile?.directories ?? ['./migrations']),
    ...(knexfile?.tableName ? { tableName: knexfile.tableName } : {}),
    ...(knexfile?.schemaName ? { schemaName: knexfile.schemaName } : {}),
    ...(knexfile?.loadExtensions ? { loadExtensions: knexfile.loadExtensions } : {}),
  };
  const asks = !json && !flags.yes && process.stdin.isTTY === true && process.stdout.isTTY === true;
  const answers = asks ? await askPerson(given, flags, knexfile) : given;

  const name = existing ?? `flotilla.config.${project.typescript ? 'ts' : 'mjs'}`;
  const path = join(project.dir, name);
  writeFileSync(path, fleetConfigSource(answers));
  const { migrationDirectories } = await loadConfig(path, project.dir);
  for (const directory of migrationDirectories) mkdirSync(directory, { recursive: true });

  const notes = knexfile?.notes ?? [];
  if (json) {
    const document = { schemaVersion: 1, kind: 'init', fleet: answers.name, at: new Date().toISOString(), path, notes };
    process.stdout.write(`${JSON.stringify(document)}\n`);
  } else {
    const lines = [`Wrote ${name} (fleet ${answers.name}).`, ...notes.map((note) => `note  ${note}`)];
    lines.push('next  flotilla make NAME     write a first migration');
    lines.push('      flotilla dev           Postgres, Temporal and a worker on this machine');
    process.stdout.write(`${lines.join('\n')}\n`);
  }
  process.exitCode = EXIT.ok;
}

async function takeOver(flags: InitFlags, dir: string): Promise<KnexfileSettings> {
  const { findKnexfile, readKnexfile } = await import('../dev/scaffold/knexfile.js');
  const path = findKnexfile(flags.fromKnexfile === true ? undefined : flags.fromKnexfile, dir);
  return readKnexfile(path, dir, flags.knexEnv);
}

/** Asks only for what no flag and no knexfile has said. */
async function askPerson(given: FleetAnswers, flags: InitFlags, knexfile: KnexfileSettings | undefined): Promise<FleetAnswers> {
  const { isCancel, select, text } = await import('@clack/prompts');
  const answered = <T>(answer: T): Exclude<T, symbol> => {
    if (isCancel(answer)) throw new FlotillaError('FLT_USAGE', 'Stopped; nothing was written.');
    return answer as Exclude<T, symbol>;
  };
  const askText = async (message: string, initialValue: string) =>
    answered(await text({ message, initialValue, validate: (value) => (value ? undefined : 'Type something, or press Ctrl-C.') }));

  const name = flags.name ?? (await askText('Name of the fleet', given.name));
  const tenants =
    flags.query !== undefined || flags.schemas !== undefined
      ? given.tenants
      : answered(
          await select<'schemas' | 'query'>({
            message: 'Where is the list of tenants?',
            options: [
              { value: 'schemas', label: 'the schemas of a database', hint: 'by a pattern such as tenant_*' },
              { value: 'query', label: 'a table', hint: 'by a query' },
            ],
          }),
        );
  const schemas = tenants === 'schemas' && flags.schemas === undefined ? await askText('Which schemas?', given.schemas) : given.schemas;
  const sql =
    tenants === 'query' && flags.query === undefined ? await askText('The query', 'select id, schema from public.tenants') : given.sql;
  const directories = flags.directory || knexfile ? given.directories : [await askText('Folder of the migrations', given.directories[0]!)];
  return { ...given, name, tenants, schemas, ...(sql === undefined ? {} : { sql }), directories };
}
