import type { Command } from 'commander';
import { EXIT } from '../../client/exit-codes.js';
import type { SteerResult } from '../../client/steer.js';
import { renderSteer } from '../render/lists.js';
import { runSession, type Session } from './session.js';

/** Answer of somebody who said no. */
export const NOTHING_SENT: SteerResult = {
  rolloutId: '',
  accepted: false,
  pending: false,
  state: null,
  message: 'Nothing was sent.',
  next: [],
};

/** Sends a steering verb and prints the answer: exit 0 when it was answered, 6 while it is pending, 3 when it was not accepted. */
export function runSteer(command: Command, verb: string, send: (session: Session) => Promise<SteerResult>): Promise<void> {
  return runSession(command, 'steer', async (session) => {
    const result = await send(session);
    const { pending, accepted } = result;
    session.out.result('steer', { ...result, verb, next: [...result.next] }, (style) => renderSteer(verb, result, style));
    return pending ? EXIT.stillGoing : accepted ? EXIT.ok : EXIT.refused;
  });
}
