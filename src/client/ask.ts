import { newId } from '../domain/ids.js';
import type { Ask } from '../workflows/messages.js';
import type { AskOptions, ClientContext } from './context.js';

export const freshId = (prefix: 'p' | 'r' | 'q'): string => newId(prefix, Date.now(), Math.random);

/** Fills in what the caller left out. */
export function toAsk(context: ClientContext, { actor, reason, requestId }: AskOptions): Ask {
  return { actor: actor ?? context.actor, requestId: requestId ?? freshId('q'), ...(reason === undefined ? {} : { reason }) };
}
