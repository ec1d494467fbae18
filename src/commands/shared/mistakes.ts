import { FlotillaError } from '../../domain/errors.js';

/** Tells every mistake on the command line at once. @throws FLT_USAGE when there is one */
export function refuseMistakes(mistakes: readonly (string | false | undefined)[]): void {
  const told = mistakes.filter((it) => typeof it === 'string');
  if (told.length === 1) throw new FlotillaError('FLT_USAGE', told[0]!);
  if (told.length) throw new FlotillaError('FLT_USAGE', [`${told.length} mistakes:`, ...told.map((it) => `  ${it}`)].join('\n'));
}
