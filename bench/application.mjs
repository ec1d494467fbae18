// An application that reads and writes random rows at a fixed rate, whether or not its last statement is back. A process of its own, as applications
// are: it measures the server, and not whatever the worker's process is doing. Told "stop", it answers how long each took, in milliseconds.

import pg from 'pg';

const { url, rows, perSecond } = JSON.parse(process.argv[2]);
const pool = new pg.Pool({ connectionString: url, max: 10, min: 10 });
const statements = ['select * from t1.users where id = $1', `update t1.users set settings = '{"theme": "light"}' where id = $1`];
const took = [];
const open = new Set();
let sent = 0;

// Sessions that know the table: nobody's application begins with the backfill
for (const [sql, values] of [...statements.map((sql) => [sql, [1]]), ['select pg_sleep(0.05)', []]])
  for (let i = 0; i < 3; i++) await Promise.all(Array.from({ length: 10 }, () => pool.query(sql, values)));
const timer = setInterval(() => {
  const id = 1 + Math.floor(Math.random() * rows);
  const from = performance.now();
  const one = pool.query(statements[sent++ % 2], [id]).then(() => took.push(performance.now() - from));
  open.add(one);
  void one.finally(() => open.delete(one));
}, 1_000 / perSecond);
process.send('ready');
process.once('message', async () => {
  clearInterval(timer);
  await Promise.all(open);
  await pool.end();
  process.send(took);
  process.disconnect();
});
