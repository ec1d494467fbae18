/** Marks a tenant that never had Knex as standing at a migration: history and ledger are written, and no migration runs. */

import { FlotillaError } from '../../domain/errors.js';
import type { TenantRef } from '../../domain/tenant.js';
import { checkIdentity } from '../attempt.js';
import type { HistoryNames } from '../contract.js';
import { bookkeeping, createBookkeeping, type TenantState, withoutExtension } from '../ledger.js';
import { literal } from '../quote.js';
import type { By } from './by.js';
import { identify } from './identify.js';
import type { Decision } from './under-lock.js';

export interface Baseline extends By {
  readonly tenant: TenantRef;
  readonly names: HistoryNames;
  /** Oldest first, up to the one that the tenant stands at. */
  readonly files: readonly { readonly name: string; readonly fileName: string; readonly checksum: string }[];
}

/** @throws FLT_HAS_HISTORY, FLT_IDENTITY_MISMATCH */
export function decideBaseline(order: Baseline, state: TenantState): Decision {
  const { tenant, files, requestId } = order;
  checkIdentity(tenant, state);
  if (state.history.length === 0) return { outcome: 'done', write: writeBaseline(order, state) };
  const marked = new Map(state.rows.flatMap((row) => (row.kind === 'baseline' ? [[row.migration, row]] : [])));
  const standing = new Set(state.history.map(([name]) => withoutExtension(name)));
  const same = standing.size === files.length && files.every(({ name }) => standing.has(name) && marked.has(name));
  if (!same)
    throw new FlotillaError(
      'FLT_HAS_HISTORY',
      `${tenant.id}: its history has ${standing.size === 1 ? '1 migration' : `${standing.size} migrations`}, the newest ${[...standing].sort().at(-1)}.`,
      { tenant: tenant.id },
    );
  const ours = files.every(({ name }) => marked.get(name)!.rollout === requestId);
  return { outcome: ours ? 'done' : 'unchanged' };
}

function writeBaseline({ tenant, names, files, ...by }: Baseline, state: TenantState): string {
  const { history, ledger } = bookkeeping(tenant, names);
  const own = [literal(tenant.id), literal(by.fleet)];
  const rows = (values: readonly string[]) => values.map((row) => `(${row})`).join(', ');
  return `${createBookkeeping(tenant, by.fleet, names)} ${state.copied ? identify({ tenant, names, ...by }) : ''}
insert into ${history} (name, batch, migration_time) values ${rows(files.map(({ fileName }) => `${literal(fileName)}, 1, now()`))};
insert into ${ledger} (kind, tenant, fleet, migration, checksum, rollout, batch, actor, xid) values ${rows(
    files.map(
      ({ name, checksum }) =>
        `'baseline', ${own.join(', ')}, ${literal(name)}, ${literal(checksum)}, ${literal(by.requestId)}, 1, ${literal(by.actor)}, pg_current_xact_id()`,
    ),
  )}`;
}
