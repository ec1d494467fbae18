import { FlotillaError } from '../../domain/errors.js';

/** Whether a verb that changes tenants may go ahead: a person at a terminal is asked; a script has to say so where it is production. @throws FLT_USAGE */
export async function mayChange(
  question: string,
  { interactive, yes, environment }: { interactive: boolean; yes: boolean | undefined; environment: string | undefined },
): Promise<boolean> {
  if (yes || (!interactive && environment !== PRODUCTION)) return true;
  return confirm(interactive ? question : `${question} This is production.`, { interactive, flag: '--yes' });
}

export const PRODUCTION = 'production';

/** Asks a yes-or-no question; where nobody can be asked, says which flag answers it. @throws FLT_USAGE */
export async function confirm(question: string, { interactive, flag }: { interactive: boolean; flag: string }): Promise<boolean> {
  if (!interactive) throw new FlotillaError('FLT_USAGE', `${question} There is no terminal to ask at: answer with ${flag}.`, { flag });
  const prompts = await import('@clack/prompts');
  const answer = await prompts.confirm({ message: question, initialValue: false });
  return answer === true;
}
