/** The runner's messages without fence, walls and ledger: the tenant's lock, Knex's lock row, the history, and nothing else. */

import type { Recipe } from '../src/postgres/attempt.js';
import { tenantKey } from '../src/postgres/keys.js';
import { bookkeeping } from '../src/postgres/ledger.js';
import { CLEAN, settings } from '../src/postgres/messages.js';
import { ident, literal } from '../src/postgres/quote.js';

export const UNGUARDED: Recipe = {
  openTransaction(s) {
    const { schema, history, lock } = bookkeeping(s.tenant, s.names);
    return `${CLEAN} begin; ${settings(s, true)} do $flotilla$
declare history json;
begin
  if to_regnamespace(${literal(ident(schema))}) is null then perform set_config('flotilla.state', '{"missing": true}', false); return; end if;
  if not pg_try_advisory_xact_lock(${tenantKey(schema)}) then perform set_config('flotilla.state', '{"busy": true}', false); return; end if;
  if to_regclass(${literal(lock)}) is not null then
    delete from ${lock} where is_locked is distinct from 1;
    if exists (select from ${lock}) then perform set_config('flotilla.state', '{"knexLocked": true}', false); return; end if;
    insert into ${lock} (is_locked) values (0);
  end if;
  if to_regclass(${literal(history)}) is not null then
    select coalesce(json_agg(json_build_array(name, batch) order by id), '[]') into history from ${history};
  end if;
  perform set_config('flotilla.state', json_build_object('ledger', ${literal(JSON.stringify([{ kind: 'identity', tenant: s.tenant.id, fence: 0, xmin: '0', xid: null }]))}::json, 'history', history)::text, false);
end $flotilla$;
select current_setting('flotilla.state') as state, pg_backend_pid() as pid, '0' as xid;`;
  },
  createBookkeeping: () => 'select 1',
  closeTransaction(s, facts) {
    const { history } = bookkeeping(s.tenant, s.names);
    return `insert into ${history} (name, batch, migration_time) values (${literal(facts.fileName)}, ${facts.batch}, now()); commit;`;
  },
};
