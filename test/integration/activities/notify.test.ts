import { afterAll, beforeAll, expect, it } from 'vitest';
import { createNotify } from '../../../src/activities/notify.js';
import { type ControlPool, createControlPool } from '../../../src/control/control-pool.js';
import { eventsPage } from '../../../src/control/events.js';
import { migrateControl } from '../../../src/control/migrate-control.js';
import type { Notice, NoticeKind } from '../../../src/domain/rollout/notices.js';
import type { WebhookSpec } from '../../../src/spec/notify.js';
import { createResolver } from '../../../src/spec/references.js';
import { createDatabase, type TestDatabase } from '../../support/postgres.js';
import { startWeb } from '../../support/web.js';

let db: TestDatabase;
let control: ControlPool;
beforeAll(async () => {
  db = await createDatabase('control');
  const at = { resolve: async () => db.url, schema: 'flotilla' };
  await migrateControl({ ...at, actor: 'ana' });
  control = await createControlPool(at);
});
afterAll(async () => {
  await control.end();
  await db.drop();
});

const notice = (id: string, kind: NoticeKind): Notice => ({
  id,
  kind,
  fleet: 'shop',
  rolloutId: 'r-1',
  state: 'halted',
  text: 'It is halted.',
  commands: [],
  atMs: 1,
});
const tell = (notify: WebhookSpec[], it: Notice) =>
  createNotify({ control, fleet: { notify }, resolve: createResolver('/') })({
    fleet: 'shop',
    rolloutId: 'r-1',
    notice: it,
  });
const trail = async () => (await eventsPage(control, 'shop', {}, 100)).map(({ verb, subject, reason }) => ({ verb, subject, reason }));

it('tells every webhook that wants to know of such an event, and no other', async () => {
  const [all, some, others] = [await startWeb(), await startWeb(), await startWeb()];
  const webhooks: WebhookSpec[] = [
    { url: all.url },
    { url: some.url, events: ['halted', 'finished'] },
    { url: others.url, events: ['parked'] },
  ];
  await tell(webhooks, notice('r-1:1', 'halted'));
  await tell(webhooks, notice('r-1:2', 'stalled'));
  expect([all, some, others].map(({ asked }) => asked.length)).toEqual([2, 1, 0]);
  expect(await trail()).toEqual([]);
});

it('writes into the audit trail who did not take it and why, once, and tells the others all the same', async () => {
  const [bad, good] = [await startWeb({ status: 500 }), await startWeb()];
  await tell([{ url: `${bad.url}/4711` }, { url: good.url }], notice('r-1:3', 'halted'));
  expect([bad.asked.length, good.asked.length]).toEqual([4, 1]);
  expect(await trail()).toEqual([{ verb: 'notify', subject: 'halted', reason: 'FLT_NOTIFY_FAILED: notify.0: it answers 500' }]);
  await tell([{ url: 'env:NOT_SET_ANYWHERE' }], notice('r-1:3', 'halted'));
  expect(await trail()).toHaveLength(1);
});
