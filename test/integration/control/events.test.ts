import { expect, it } from 'vitest';
import { eventsPage, recordEvents } from '../../../src/control/events.js';
import { controlDatabase } from '../../support/control-database.js';

const db = controlDatabase('control');

const event = (n: number) => ({ actor: 'ana', verb: 'pause', requestId: `q-${n}`, atMs: n * 1_000 });

it('answers the newest events first, in pages that leave none out, and records a repeat once', async () => {
  for (let n = 1; n <= 25; n++) await recordEvents(db.pool, 'shop', undefined, [event(n)]);
  await recordEvents(db.pool, 'shop', undefined, [event(7)]);
  const seen: string[] = [];
  for (let before: string | undefined; ; ) {
    const page = await eventsPage(db.pool, 'shop', before === undefined ? {} : { before }, 4);
    if (page.length === 0) break;
    seen.push(...page.map((it) => it.requestId));
    before = page.at(-1)!.id;
  }
  expect(seen).toEqual(Array.from({ length: 25 }, (_, i) => `q-${25 - i}`));
});
