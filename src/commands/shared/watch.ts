/** Follows a rollout: redrawn in place on a terminal, one line (or document) per change elsewhere. */

import type { RolloutStatus } from '../../client/rollout-status.js';
import { rolloutBody } from '../../client/to-documents.js';
import { renderLine, renderRollout } from '../render/rollout.js';
import { KEYS_HELP, listenToKeys } from './live-keys.js';
import type { Session } from './session.js';

export interface Watcher {
  show(status: RolloutStatus): void;
  /** Leaves the last picture on the screen when `keep`; otherwise makes room for what is printed next. Only the first call counts. */
  done(keep: boolean): void;
}

export async function createWatcher({ out, ...session }: Pick<Session, 'out' | 'client' | 'ask' | 'detach'>): Promise<Watcher> {
  if (!out.json && process.stdout.isTTY) {
    const { createLogUpdate } = await import('log-update');
    const draw = createLogUpdate(process.stdout);
    const { dim } = out.style.colors;
    let picture = '';
    let said = '';
    let over = false;
    const redraw = () => {
      if (over) return;
      draw(`${picture}\n${dim(process.stdin.isTTY ? KEYS_HELP : 'Ctrl-C detaches')}${said ? `   ${said}` : ''}\n`);
    };
    const deaf = listenToKeys(session, (text) => {
      said = text;
      redraw();
    });
    return {
      show: (status) => {
        picture = renderRollout(status, out.style);
        redraw();
      },
      done: (keep) => {
        if (over) return;
        over = true;
        deaf();
        if (keep) draw(picture);
        else draw.clear();
        draw.done();
      },
    };
  }
  let last = '';
  let seq = 0;
  return {
    show(status) {
      const key = changeKey(status);
      if (key === last) return;
      last = key;
      if (out.json) out.result('status', { ...rolloutBody(status), seq: seq++ }, () => '');
      else process.stdout.write(`${renderLine(status)}\n`);
    },
    done: () => undefined,
  };
}

/** What makes a reading differ from the one before; clocks alone do not. */
export function changeKey({ state, totals, reasons, waves, failuresTotal }: RolloutStatus): string {
  return JSON.stringify([
    state,
    totals,
    failuresTotal,
    reasons.map((it) => [it.kind, it.host, it.clears]),
    waves.map((it) => [it.state, it.totals]),
  ]);
}
