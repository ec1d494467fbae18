import { Context } from '@temporalio/activity';
import { stagedTenants } from '../../control/plan-tenants.js';
import { FlotillaError } from '../../domain/errors.js';
import { Tally } from '../../domain/tend.js';
import type { Activities, TendOrder } from '../contract.js';
import type { ActivityDeps } from '../deps.js';
import { groupBy } from '../group-by.js';
import { heartbeating } from '../heartbeat.js';
import { createBaselineVisit } from './baseline-visit.js';
import { createAdoptVisit, createEjectVisit } from './each-under-lock.js';
import { createRefreshVisit } from './refresh-visit.js';
import { createValidateVisit } from './validate-visit.js';
import type { TendInput, Visit, Walk } from './visit.js';

const VISITS: { readonly [V in TendOrder['verb']]: (deps: ActivityDeps, input: TendInput<V>) => Promise<Visit> } = {
  baseline: createBaselineVisit,
  adopt: createAdoptVisit,
  refresh: createRefreshVisit,
  eject: createEjectVisit,
  validate: createValidateVisit,
};

const STEPS: { readonly [V in TendOrder['verb']]: string } = {
  baseline: 'marking tenants',
  adopt: 'adopting tenants',
  refresh: 'reading ledgers',
  eject: "dropping Flotilla's tables",
  validate: 'making checks',
};

/** Works through the tenants of one cell, all hosts at once. A worker that is stopping hands the rest to the next: what is done is recognised. */
export const createTendTenants =
  (deps: ActivityDeps): Activities['tendTenants'] =>
  async (input) => {
    const tally = new Tally();
    const { cancellationSignal, cancelled } = Context.current();
    const walk: Walk = {
      tally,
      stop: () => cancellationSignal.aborted || deps.stopping(),
      async refuseWhenStopped() {
        if (deps.stopping()) throw new FlotillaError('FLT_CONNECTION_LOST', 'This worker is stopping; another one goes on.');
        if (cancellationSignal.aborted) await cancelled;
      },
    };
    let total = 0;
    return heartbeating(
      () => ({ step: `${STEPS[input.verb]} in cell ${input.cell}`, n: `${tally.visited} of ${total}` }),
      async () => {
        const create = VISITS[input.verb] as (deps: ActivityDeps, input: TendInput) => Promise<Visit>;
        const visit = await create(deps, input);
        const staged = await stagedTenants(deps.control, input.planId, input.cell);
        total = staged.length;
        await Promise.all([...groupBy(staged, (tenant) => tenant.host)].map(([host, tenants]) => visit(host, tenants, walk)));
        return tally.result();
      },
    );
  };
