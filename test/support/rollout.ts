/** A rollout of a real fleet as its workflow sees it: quicker to ask and to steer than through a process of its own. */

import { Client, Connection, type WorkflowHandle } from '@temporalio/client';
import { workflowIds } from '../../src/domain/ids.js';
import type { Reason, RolloutProgress } from '../../src/domain/rollout/contract.js';
import type { Answer, Ask, RolloutAsks, RolloutVerb } from '../../src/workflows/messages.js';
import type { FleetFixture } from './fleet-project.js';
import { until } from './until.js';

export interface RolloutAt {
  readonly handle: WorkflowHandle;
  progress(): Promise<RolloutProgress>;
  /** The progress once it fits. */
  seen(fits: (progress: RolloutProgress) => unknown, what: string, timeoutMs?: number): Promise<RolloutProgress>;
  send<V extends RolloutVerb>(verb: V, ask?: Partial<RolloutAsks[V]>): Promise<Answer>;
  close(): Promise<void>;
}

export async function rolloutOf({ name, temporalAddress }: Pick<FleetFixture, 'name' | 'temporalAddress'>): Promise<RolloutAt> {
  const connection = await Connection.connect({ address: temporalAddress });
  const handle = new Client({ connection }).workflow.getHandle(workflowIds.rollout(name));
  let asks = 0;
  const progress = () => handle.query<RolloutProgress>('progress');
  return {
    handle,
    progress,
    seen: (fits, what, timeoutMs) =>
      until(
        async () => {
          const at = await progress();
          if (fits(at)) return at;
          throw new Error(JSON.stringify([at.state, at.reasons, at.totals]));
        },
        what,
        timeoutMs,
      ),
    send: (verb, ask = {}) => handle.executeUpdate<Answer, [Ask]>(verb, { args: [{ actor: 'ana', requestId: `test-${++asks}`, ...ask }] }),
    close: () => connection.close(),
  };
}

export const reason = ({ reasons }: RolloutProgress, kind: Reason['kind'], text = ''): Reason | undefined =>
  reasons.find((it) => it.kind === kind && it.text.includes(text));
