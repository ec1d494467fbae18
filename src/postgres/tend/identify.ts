import type { TenantRef } from '../../domain/tenant.js';
import type { HistoryNames } from '../contract.js';
import { bookkeeping } from '../ledger.js';
import { literal } from '../quote.js';
import type { By } from './by.js';

/**
 * SQL that says whose schema this is from now on. A copy made table by table leaves the counter of ids behind, where its rows would be
 * numbered over: it is set past them first.
 */
export function identify({ tenant, names, fleet, actor, requestId }: By & { tenant: TenantRef; names: HistoryNames }): string {
  const { ledger } = bookkeeping(tenant, names);
  const sequence = `pg_get_serial_sequence(${literal(ledger)}, 'id')`;
  return `select setval(${sequence}, greatest((select max(id) from ${ledger}), pg_sequence_last_value(${sequence}::regclass)));
insert into ${ledger} (kind, tenant, fleet, rollout, actor, xid) values ('identity', ${literal(tenant.id)}, ${literal(fleet)}, ${literal(requestId)}, ${literal(actor)}, pg_current_xact_id());`;
}
