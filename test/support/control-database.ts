/** A control database of the test file's own, migrated to this version. */

import { afterAll, beforeAll } from 'vitest';
import { type ControlPool, createControlPool } from '../../src/control/control-pool.js';
import { migrateControl } from '../../src/control/migrate-control.js';
import { createDatabase, type TestDatabase } from './postgres.js';

export function controlDatabase(prefix: string): { readonly pool: ControlPool; readonly url: string } {
  let db: TestDatabase;
  let pool: ControlPool;
  beforeAll(async () => {
    db = await createDatabase(prefix);
    const at = { resolve: async () => db.url, schema: 'flotilla' };
    await migrateControl({ ...at, actor: 'ana' });
    pool = await createControlPool(at);
  });
  afterAll(async () => {
    await pool.end();
    await db.drop();
  });
  return {
    get pool() {
      return pool;
    },
    get url() {
      return db.url;
    },
  };
}
