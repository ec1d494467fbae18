import type { Command } from 'commander';
import { EXIT } from '../../client/exit-codes.js';
import type { SteerResult } from '../../client/steer.js';
import { renderSteer } from '../render/lists.js';
import { runSession, type Session } from './session.js';

/** Sends a steering verb and prints the answer: exit 0 when it was answered, 6 while it is pending, 3 when it was not accepted. */
export function runSteer(command: Command, verb: string, send: (session: Session) => Promise<SteerResult>): Promise<void> {
  return runSession(command, 'steer', async (session) => {
    const result = await send(session);
    const { rolloutId, accepted, pending, state, message, next } = result;
    session.out.result('steer', { rolloutId, verb, accepted, pending, state, message, next: [...next] }, (style) =>
      renderSteer(verb, result, style),
    );
    return pending ? EXIT.stillGoing : accepted ? EXIT.ok : EXIT.refused;
  });
}
