import { Context } from '@temporalio/activity';
import { tenantsById } from '../control/plan-tenants.js';
import { FlotillaError } from '../domain/errors.js';
import { classify } from '../postgres/sqlstate.js';
import type { Activities } from './contract.js';
import type { ActivityDeps } from './deps.js';
import { heartbeating } from './heartbeat.js';

const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 10_000;
/** For a host that answers, and fails its tenants all the same. */
const LONGEST_RELAPSE_MS = 60_000;

/** Returns once the host takes writes again, asked with the credentials of its tenants in turn; waits a little longer after each refusal. */
export const createAwaitHost =
  (deps: ActivityDeps): Activities['awaitHost'] =>
  async ({ host, tenants, planId, relapses = 0 }) => {
    const since = new Date().toISOString();
    let last = 'no answer yet';
    await heartbeating(
      () => ({ host, step: `waiting for the host: ${last}`, since }),
      async () => {
        const { sleep } = Context.current();
        const refs = await tenantsById(deps.control, planId, tenants);
        if (refs.length === 0)
          throw new FlotillaError('FLT_UNKNOWN_TENANT', `Plan ${planId} holds none of the tenants ${tenants.join(', ')}.`, { tenants });
        let wait = Math.min(FIRST_WAIT_MS * 2 ** relapses, LONGEST_RELAPSE_MS);
        for (let turn = 0; ; turn++, wait = Math.min(wait * 2, LONGEST_WAIT_MS)) {
          const ref = refs[turn % refs.length]!;
          await sleep(wait);
          // Another worker takes over; this one must not keep its shutdown waiting
          if (deps.stopping())
            throw new FlotillaError('FLT_HOST_UNAVAILABLE', `Host "${host}" does not answer; this worker is stopping.`, { host });
          try {
            const writable = await deps.hosts.withTenant(ref, async ({ client }) => {
              const { rows } = await client.query<{ writable: boolean }>(
                `select not pg_is_in_recovery() and current_setting('default_transaction_read_only') = 'off' as writable`,
              );
              return rows[0]!.writable;
            });
            if (writable) return;
            last = 'it is read-only';
          } catch (error) {
            if (error instanceof FlotillaError && error.code === 'FLT_SCHEMA_MISSING') return; // the host answers; the tenant is another matter
            if (!(error instanceof FlotillaError) && !classify(error)) throw error;
            last = error instanceof FlotillaError ? error.code : classify(error)!.code;
          }
        }
      },
    );
  };
