/**
 * Texts of new migration files. Each shows one technique in a form that can be taken back exactly, or says why it cannot.
 *
 * A template is a constant in `templates/` and a line here. It also wants a page in docs/migrations/ that embeds the file, and a case in
 * test/integration/migration/techniques.test.ts that takes it up, down and up again.
 */

import { backfill, dualWrite } from './templates/data.js';
import { enumValue, foreignKey, index, notNull, unique } from './templates/structure.js';
import { addColumns, createTable, moveData, plain } from './templates/tables.js';
import type { Template } from './templates/template.js';

export const TEMPLATES = {
  plain,
  'create-table': createTable,
  'add-columns': addColumns,
  'move-data': moveData,
  index,
  'foreign-key': foreignKey,
  'not-null': notNull,
  unique,
  'enum-value': enumValue,
  'dual-write': dualWrite,
  backfill,
} as const satisfies Record<string, Template>;

export type TemplateName = keyof typeof TEMPLATES;
export const isTemplate = (name: string): name is TemplateName => Object.hasOwn(TEMPLATES, name);

export type Flavour = 'ts' | 'esm' | 'cjs';

/** The whole text of a migration file. */
export function migrationSource(name: TemplateName, table: string, flavour: Flavour): string {
  const { intro, imports = [], outside, declares, shared, up, down } = TEMPLATES[name].text(table);
  const say = SAYS[flavour];
  const blocks = [
    say.imports(imports, declares !== undefined),
    intro ? `// ${intro.replaceAll('\n', '\n// ')}` : '',
    shared ?? '',
    outside ? say.exported('config', '{ transaction: false }') : '',
    declares ? say.exported('flotilla', declares) : '',
    say.exportedFunction('up', up),
    down === undefined ? '' : say.exportedFunction('down', down),
  ];
  return `${blocks.filter((block) => block !== '').join('\n\n')}\n`;
}

interface Saying {
  imports(names: readonly string[], declares: boolean): string;
  exported(name: 'config' | 'flotilla', value: string): string;
  exportedFunction(name: 'up' | 'down', body: string): string;
}

const taken = (names: readonly string[]): string => `{ ${names.join(', ')} }`;

const SAYS: Readonly<Record<Flavour, Saying>> = {
  ts: {
    imports: (names, declares) => {
      const all = [...names, ...(declares ? ['type FlotillaMigration'] : [])];
      return `${all.length ? `import ${taken(all)} from 'flotilla/migration';\n` : ''}import type { Knex } from 'knex';`;
    },
    exported: (name, value) => `export const ${name} = ${value}${name === 'flotilla' ? ' satisfies FlotillaMigration' : ''};`,
    exportedFunction: (name, body) => `export async function ${name}(knex: Knex): Promise<void> {\n${body}\n}`,
  },
  esm: {
    imports: (names) => (names.length ? `import ${taken(names)} from 'flotilla/migration';` : ''),
    exported: (name, value) => `export const ${name} = ${value};`,
    exportedFunction: (name, body) => `export async function ${name}(knex) {\n${body}\n}`,
  },
  cjs: {
    imports: (names) => (names.length ? `const ${taken(names)} = require('flotilla/migration');` : ''),
    exported: (name, value) => `exports.${name} = ${value};`,
    exportedFunction: (name, body) => `exports.${name} = async (knex) => {\n${body}\n};`,
  },
};

/** `create_user_preferences` is about the table `user_preferences`; a name that says nothing is taken whole. */
export const tableFromName = (name: string): string => name.replace(/^(create|add|alter|move|fold)_/, '').replace(/^.*_(to|into)_/, '');
