// What a Knex user has today: `knex.migrate.latest()` per schema, in one process, so many at a time. A plain Node process of its own, because
// Knex loads migrations with `require`, which a TypeScript loader disturbs. Prints the milliseconds.
import knex from 'knex';

const { url, schemas, directory, concurrency } = JSON.parse(process.argv[2]);
const queue = [...schemas];
const start = performance.now();
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
console.log(performance.now() - start);
