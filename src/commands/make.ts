import { existsSync, readdirSync } from 'node:fs';
import { extname, join, relative, resolve } from 'node:path';
import { type Command, Option } from 'commander';
import { EXIT } from '../client/exit-codes.js';
import {
  type Flavour,
  firstOf,
  isTemplate,
  migrationSources,
  namesOf,
  TEMPLATES,
  tableFromName,
} from '../dev/scaffold/migration-templates.js';
import { writeNewFiles } from '../dev/scaffold/new-files.js';
import { FlotillaError } from '../domain/errors.js';
import { readEnvironment } from '../spec/env.js';
import { type Globals, globalsOf } from './shared/globals.js';
import { verbCommand } from './shared/verb-command.js';

interface MakeFlags {
  readonly template: string;
  readonly table?: string;
  readonly directory?: string;
}

export function register(program: Command): void {
  const list = Object.entries(TEMPLATES).map(([name, { summary }]) => `  ${name.padEnd(14)} ${summary}`);
  verbCommand(program, 'make')
    .argument('<name>', 'what it does, e.g. create_orders')
    .addOption(new Option('-t, --template <name>', 'what to begin with').choices(Object.keys(TEMPLATES)).default('plain'))
    .option('--table <name>', 'table that the template is about (default: from the name)')
    .option('--directory <folder>', "where to write it (default: the config's last migration folder)")
    .addHelpText('after', `\nTemplates:\n${list.join('\n')}`)
    .action((name: string, flags: MakeFlags, command: Command) => make(name, flags, globalsOf(command)));
}

const PLAIN_NAME = /^[A-Za-z0-9][A-Za-z0-9_-]{0,199}$/;

async function make(given: string, flags: MakeFlags, globals: Globals): Promise<void> {
  const [{ describeProject }, { loadConfig }] = await Promise.all([import('../dev/scaffold/project.js'), import('../spec/load-config.js')]);
  const name = given.replaceAll(' ', '_');
  const table = flags.table ?? tableFromName(name);
  if (!PLAIN_NAME.test(name)) throw new FlotillaError('FLT_USAGE', `A migration's name takes letters, digits, "_" and "-".`, { name });
  // The table's name goes into source text.
  if (!/^[A-Za-z_][A-Za-z0-9_]{0,62}$/.test(table))
    throw new FlotillaError('FLT_USAGE', 'A template needs a plain table name: letters, digits and "_". Give one with --table.', { table });
  if (!isTemplate(flags.template)) throw new FlotillaError('FLT_USAGE', `There is no template "${flags.template}".`);

  const cwd = process.cwd();
  const loaded = flags.directory ? undefined : await loadConfig(globals.config ?? readEnvironment().config, cwd);
  const directory = loaded ? (loaded.migrationDirectories.at(-1) as string) : resolve(cwd, flags.directory as string);
  const project = describeProject(loaded?.baseDir ?? cwd);
  const neighbours = existsSync(directory) ? migrationFiles(directory) : [];
  const extension = extensionFor(neighbours, project.typescript);
  const stamps = nextTimestamps(neighbours, new Date());
  const names = namesOf(flags.template, name).map((one) => `${stamps.next().value}_${one}`);
  const sources = migrationSources(flags.template, table, names, flavourOf(extension, project.esm), extension);
  const paths = names.map((one) => join(directory, `${one}${extension}`));
  writeNewFiles(paths.map((path, at) => ({ path, text: sources[at] as string })));

  if (globals.json) {
    const [path] = paths.length === 1 ? paths : [];
    const document = { schemaVersion: 1, kind: 'make', fleet: loaded?.fleet.name ?? null, at: new Date().toISOString(), path, paths };
    process.stdout.write(`${JSON.stringify(document)}\n`);
  } else {
    // What comes later is refused in the plan of what comes first
    const first = firstOf(flags.template);
    const to = first < names.length ? ` --to ${names[first - 1]}` : '';
    process.stdout.write(`${paths.map((path) => `Wrote ${relative(cwd, path)}\n`).join('')}next  flotilla plan${to}\n`);
  }
  process.exitCode = EXIT.ok;
}

const migrationFiles = (directory: string): string[] =>
  readdirSync(directory)
    .filter((file) => /\.[cm]?[jt]s$/.test(file) && !/\.d\.[cm]?ts$/.test(file))
    .sort();

const extensionFor = (neighbours: readonly string[], typescript: boolean): string =>
  neighbours.length > 0 ? extname(neighbours.at(-1) as string) : typescript ? '.ts' : '.js';

function flavourOf(extension: string, esm: boolean): Flavour {
  if (extension.endsWith('ts')) return 'ts';
  if (extension === '.js') return esm ? 'esm' : 'cjs';
  return extension === '.mjs' ? 'esm' : 'cjs';
}

/** Stamps of files that are made together, each after the one before. */
function* nextTimestamps(neighbours: readonly string[], now: Date): Generator<string, never> {
  for (let stamp = nextTimestamp(neighbours, now); ; stamp = nextTimestamp([`${stamp}_`], now)) yield stamp;
}

/** UTC, and always after the newest file: two files made in one second, or by a colleague in another time zone, keep their order. */
export function nextTimestamp(neighbours: readonly string[], now: Date): string {
  const stamp = (date: Date) => date.toISOString().replace(/[-:T]/g, '').slice(0, 14);
  const newest = neighbours.at(-1)?.match(/^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)_/);
  if (!newest) return stamp(now);
  const [year, month, day, hour, minute, second] = newest.slice(1).map(Number) as [number, number, number, number, number, number];
  const after = Date.UTC(year, month - 1, day, hour, minute, second + 1);
  return stamp(new Date(Math.max(after, now.getTime())));
}
