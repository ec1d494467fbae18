/** What a Knex user has today: `knex.migrate.latest()` per schema, in process, so many at a time. */

import knex from 'knex';

export async function knexLoop(url: string, schemas: readonly string[], directory: string, concurrency: number): Promise<void> {
  const queue = [...schemas];
  await Promise.all(
    Array.from({ length: concurrency }, async () => {
      for (let schema = queue.shift(); schema !== undefined; schema = queue.shift()) {
        const db = knex({
          client: 'pg',
          connection: url,
          searchPath: [schema],
          pool: { min: 0, max: 1 },
          migrations: { directory, schemaName: schema, loadExtensions: ['.cjs'] },
        });
        try {
          await db.migrate.latest();
        } finally {
          await db.destroy();
        }
      }
    }),
  );
}
