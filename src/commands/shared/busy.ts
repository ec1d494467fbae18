import { clip, duration } from '../render/format.js';

const QUIET_MS = 2_000;

export interface Busy {
  /** Says more exactly what is going on. */
  readonly tell: (text: string) => void;
  /** Takes the line away; safe to call more than once. */
  readonly done: () => void;
}

/** Says on a terminal's stderr what is going on, once it takes longer than 2 s; leaves nothing behind. */
export async function startBusy(text: string, shown: boolean): Promise<Busy> {
  if (!shown || !process.stderr.isTTY) return { tell: () => undefined, done: () => undefined };
  const { createLogUpdate } = await import('log-update');
  const draw = createLogUpdate(process.stderr);
  const startedAt = Date.now();
  let now = text;
  const timer = setInterval(() => {
    const elapsed = Date.now() - startedAt;
    if (elapsed >= QUIET_MS) draw(clip(`${duration(Math.floor(elapsed / 1_000) * 1_000)}  ${now}`, (process.stderr.columns ?? 80) - 1));
  }, 250);
  return {
    tell: (more) => {
      now = `${text}: ${more}`;
    },
    done: () => {
      clearInterval(timer);
      draw.clear();
      draw.done();
    },
  };
}

/** The same around one piece of work. */
export async function busy<T>(text: string, shown: boolean, work: (tell: Busy['tell']) => Promise<T>): Promise<T> {
  const it = await startBusy(text, shown);
  try {
    return await work(it.tell);
  } finally {
    it.done();
  }
}
