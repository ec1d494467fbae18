import { duration } from '../render/format.js';

const QUIET_MS = 2_000;

/** Says on a terminal's stderr what is going on, once it takes longer than 2 s; leaves nothing behind. */
export async function busy<T>(text: string, shown: boolean, work: Promise<T>): Promise<T> {
  if (!shown || !process.stderr.isTTY) return work;
  const { createLogUpdate } = await import('log-update');
  const draw = createLogUpdate(process.stderr);
  const startedAt = Date.now();
  const timer = setInterval(() => {
    const elapsed = Date.now() - startedAt;
    if (elapsed >= QUIET_MS) draw(`${text} … ${duration(Math.floor(elapsed / 1_000) * 1_000)}`);
  }, 250);
  try {
    return await work;
  } finally {
    clearInterval(timer);
    draw.clear();
    draw.done();
  }
}
