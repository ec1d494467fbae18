/** Keys of the live view. Only where both ends are a terminal. */

import { emitKeypressEvents } from 'node:readline';
import type { Session } from './session.js';

export const KEYS_HELP = 'p pause   r resume   d detach';

type Keyboard = Pick<Session, 'client' | 'ask' | 'detach'>;

interface Key {
  readonly name?: string;
  readonly ctrl?: boolean;
}

/** Listens until the returned function is called. `say` shows what a key did. */
export function listenToKeys({ client, ask, detach }: Keyboard, say: (text: string) => void): () => void {
  const { stdin } = process;
  if (!stdin.isTTY) return () => undefined;
  let sending = false;
  const send = async (verb: 'pause' | 'resume') => {
    if (sending) return;
    sending = true;
    say(`${verb} …`);
    // A request of its own: the flag's id belongs to the verb that was typed.
    const result = await client[verb]({ actor: ask.actor, reason: ask.reason ?? 'from the live view' }).catch((error: Error) => error);
    say(`${verb}: ${result.message}`);
    sending = false;
  };
  const onKey = (_text: string | undefined, key: Key) => {
    // Raw mode takes Ctrl-C away from the terminal, so it has to be answered here.
    if (key.name === 'd' || (key.ctrl && key.name === 'c')) detach();
    else if (key.name === 'p') void send('pause');
    else if (key.name === 'r') void send('resume');
  };
  emitKeypressEvents(stdin);
  stdin.setRawMode(true);
  stdin.resume();
  stdin.on('keypress', onKey);
  return () => {
    stdin.off('keypress', onKey);
    stdin.setRawMode(false);
    stdin.pause();
  };
}
