import { Context } from '@temporalio/activity';
import { FlotillaError } from '../domain/errors.js';
import { cancelStatements } from '../postgres/holder.js';
import { classify } from '../postgres/sqlstate.js';
import { applicationName } from './application-name.js';
import type { Activities } from './contract.js';
import type { ActivityDeps } from './deps.js';
import { heartbeating } from './heartbeat.js';

const EVERY_MS = 500;

/** Cancels again and again, because a session may have been between two statements. Ends when it is cancelled, with the lists. */
export const createCancelBackends =
  (deps: ActivityDeps): Activities['cancelBackends'] =>
  async ({ rolloutId, host, tenants }) => {
    let cancelled = 0;
    const names = tenants.map((tenant) => applicationName(rolloutId, tenant));
    return heartbeating(
      () => ({ host, step: `cancelling the statements of ${tenants.length} tenants`, cancelled }),
      async (): Promise<never> => {
        for (;;) {
          try {
            cancelled += await deps.hosts.withHost(host, (client) => cancelStatements(client, names));
          } catch (error) {
            // A host that does not answer has nothing to cancel, as far as anybody can tell
            if (!(error instanceof FlotillaError) && !classify(error)) throw error;
          }
          await Context.current().sleep(EVERY_MS);
        }
      },
    );
  };
