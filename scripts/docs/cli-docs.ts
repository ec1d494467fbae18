/** The reference part of docs/cli.md, from the commands themselves. */

import type { Command } from 'commander';
import { VERBS } from '../../src/client/verbs.js';

export const BEGIN = '<!-- reference: made by "npm run docs" from src/commands; do not edit below -->';

export function cliReference(program: Command): string {
  const groups = [...new Set(VERBS.map((verb) => verb.group))];
  const sections = groups.map((group) => {
    const verbs = VERBS.filter((verb) => verb.group === group).map((verb) => {
      const command = program.commands.find((it) => it.name() === verb.name)!;
      const flags = command.options.map((option) => `| \`${option.flags.replaceAll('|', '\\|')}\` | ${describe(option)} |`);
      const table = flags.length ? `\n\n| flag | |\n|---|---|\n${flags.join('\n')}` : '';
      const text = command.description();
      return `#### ${verb.name}\n\n\`flotilla ${verb.name} ${command.usage()}\`\n\n${text[0]!.toUpperCase()}${text.slice(1)}${/[.?!]$/.test(text) ? '' : '.'}${describeArguments(command)}${table}\n`;
    });
    return `### ${group}\n\n${verbs.join('\n')}`;
  });
  return `${BEGIN}\n\n${sections.join('\n')}`;
}

const describe = (option: Command['options'][number]): string =>
  `${option.description}${option.argChoices ? ` (one of ${option.argChoices.map((it) => `\`${it}\``).join(', ')})` : ''}`;

const describeArguments = (command: Command): string =>
  command.registeredArguments.map((it) => `\n\n\`${it.name()}\`: ${it.description}${it.required ? '' : ' (optional)'}.`).join('');
