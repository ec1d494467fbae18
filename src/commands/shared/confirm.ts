import { FlotillaError } from '../../domain/errors.js';

/** Asks a yes-or-no question; where nobody can be asked, says which flag answers it. @throws FLT_USAGE */
export async function confirm(question: string, { interactive, flag }: { interactive: boolean; flag: string }): Promise<boolean> {
  if (!interactive) throw new FlotillaError('FLT_USAGE', `${question} There is no terminal to ask at: answer with ${flag}.`, { flag });
  const prompts = await import('@clack/prompts');
  const answer = await prompts.confirm({ message: question, initialValue: false });
  return answer === true;
}
