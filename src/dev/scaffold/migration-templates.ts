/**
 * Texts of new migration files. Each shows one technique in a form that can be taken back exactly, or says why it cannot.
 *
 * A template is a constant in `templates/` and a line here; a change in phases is several files. It also wants a page in docs/migrations/ that
 * embeds the file, and a case in test/integration/migration/techniques.test.ts that takes it up, down and up again.
 */

import { backfill, dualWrite, validation } from './templates/data.js';
import { enumValue, foreignKey, index, notNull, unique } from './templates/structure.js';
import { addColumns, createTable, moveData, plain } from './templates/tables.js';
import type { Template, TemplateInParts, TemplateText } from './templates/template.js';
import { zeroDowntime } from './templates/zero-downtime.js';

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
  validation,
  'zero-downtime': zeroDowntime,
} as const satisfies Record<string, Template | TemplateInParts>;

export type TemplateName = keyof typeof TEMPLATES;
/** Of one file. */
export type SingleTemplateName = { [Name in TemplateName]: (typeof TEMPLATES)[Name] extends Template ? Name : never }[TemplateName];
export const isTemplate = (name: string): name is TemplateName => Object.hasOwn(TEMPLATES, name);

export type Flavour = 'ts' | 'esm' | 'cjs';

const inParts = (name: TemplateName): TemplateInParts | undefined => {
  const template: Template | TemplateInParts = TEMPLATES[name];
  return 'parts' in template ? template : undefined;
};

/** What the names of its files are, oldest first, without stamp and extension. */
export const namesOf = (template: TemplateName, name: string): readonly string[] =>
  inParts(template)?.parts.map((part) => `${name}_${part}`) ?? [name];

/** How many of them the first rollout may carry; the rest is for a later one. */
export const firstOf = (template: TemplateName): number => inParts(template)?.first ?? 1;

/** The whole text of a migration file. */
export const migrationSource = (name: SingleTemplateName, table: string, flavour: Flavour): string =>
  sourceOf(TEMPLATES[name].text(table), flavour, '.js');

/**
 * The whole texts of a template's files.
 * @param names of the files, with stamp and without extension; as many as `namesOf` says
 * @param extension of the files, such as `.mts`
 */
export function migrationSources(
  template: TemplateName,
  table: string,
  names: readonly string[],
  flavour: Flavour,
  extension: string,
): readonly string[] {
  const it: Template | TemplateInParts = TEMPLATES[template];
  const texts = 'parts' in it ? it.texts(table, names) : [it.text(table)];
  // What is imported is the file as it is called once it is JavaScript
  return texts.map((text) => sourceOf(text, flavour, extension.replace('ts', 'js')));
}

function sourceOf(text: TemplateText, flavour: Flavour, extension: string): string {
  const { intro, imports = [], takes, outside, declares, shared, offers, up, down } = text;
  const say = SAYS[flavour];
  const blocks = [
    [say.imports(imports, declares !== undefined), takes ? say.takes(takes.name, `./${takes.from}${extension}`) : '']
      .filter((line) => line !== '')
      .join('\n'),
    intro ? `// ${intro.replaceAll('\n', '\n// ')}` : '',
    offers ? say.offers(offers.name, offers.value) : '',
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
  takes(name: string, path: string): string;
  offers(name: string, value: string): string;
  exported(name: 'config' | 'flotilla', value: string): string;
  exportedFunction(name: 'up' | 'down', body: string): string;
}

const taken = (names: readonly string[]): string => `{ ${names.join(', ')} }`;
const esm = {
  takes: (name: string, path: string) => `import ${taken([name])} from '${path}';`,
  offers: (name: string, value: string) => `export const ${name} = ${value};`,
};

const SAYS: Readonly<Record<Flavour, Saying>> = {
  ts: {
    ...esm,
    imports: (names, declares) => {
      if (declares && names.length === 0)
        return `import type ${taken(['FlotillaMigration'])} from 'flotilla/migration';\nimport type { Knex } from 'knex';`;
      const all = [...names, ...(declares ? ['type FlotillaMigration'] : [])];
      return `${all.length ? `import ${taken(all)} from 'flotilla/migration';\n` : ''}import type { Knex } from 'knex';`;
    },
    exported: (name, value) => `export const ${name} = ${value}${name === 'flotilla' ? ' satisfies FlotillaMigration' : ''};`,
    exportedFunction: (name, body) => `export async function ${name}(knex: Knex): Promise<void> {\n${body}\n}`,
  },
  esm: {
    ...esm,
    imports: (names) => (names.length ? `import ${taken(names)} from 'flotilla/migration';` : ''),
    exported: (name, value) => `export const ${name} = ${value};`,
    exportedFunction: (name, body) => `export async function ${name}(knex) {\n${body}\n}`,
  },
  cjs: {
    imports: (names) => (names.length ? `const ${taken(names)} = require('flotilla/migration');` : ''),
    takes: (name, path) => `const ${taken([name])} = require('${path}');`,
    offers: (name, value) => `const ${name} = ${value};\nexports.${name} = ${name};`,
    exported: (name, value) => `exports.${name} = ${value};`,
    exportedFunction: (name, body) => `exports.${name} = async (knex) => {\n${body}\n};`,
  },
};

/** `create_user_preferences` is about the table `user_preferences`; a name that says nothing is taken whole. */
export const tableFromName = (name: string): string => name.replace(/^(create|add|alter|move|fold)_/, '').replace(/^.*_(to|into)_/, '');
