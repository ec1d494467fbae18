import { afterAll, beforeAll, expect, it } from 'vitest';
import { type ControlPool, createControlPool } from '../../../src/control/control-pool.js';
import { eventsPage, recordEvents } from '../../../src/control/events.js';
import { migrateControl } from '../../../src/control/migrate-control.js';
import { createDatabase, type TestDatabase } from '../../support/postgres.js';

let db: TestDatabase;
let pool: ControlPool;
beforeAll(async () => {
  db = await createDatabase('control');
  const at = { resolve: async () => db.url, schema: 'flotilla' };
  await migrateControl({ ...at, actor: 'ana' });
  pool = await createControlPool(at);
});
afterAll(async () => {
  await pool.end();
  await db.drop();
});

const event = (n: number) => ({ actor: 'ana', verb: 'pause', requestId: `q-${n}`, atMs: n * 1_000 });

it('answers the newest events first, in pages that leave none out, and records a repeat once', async () => {
  for (let n = 1; n <= 25; n++) await recordEvents(pool, 'shop', undefined, [event(n)]);
  await recordEvents(pool, 'shop', undefined, [event(7)]);
  const seen: string[] = [];
  for (let before: string | undefined; ; ) {
    const page = await eventsPage(pool, 'shop', before === undefined ? {} : { before }, 4);
    if (page.length === 0) break;
    seen.push(...page.map((it) => it.requestId));
    before = page.at(-1)!.id;
  }
  expect(seen).toEqual(Array.from({ length: 25 }, (_, i) => `q-${25 - i}`));
});
