import { WorkflowUpdateFailedError } from '@temporalio/client';
import { ApplicationFailure, WorkflowNotFoundError } from '@temporalio/common';
import { FlotillaError } from '../domain/errors.js';
import { workflowIds } from '../domain/ids.js';
import type { Answer, Ask } from '../workflows/messages.js';
import type { Activities } from './contract.js';
import type { ActivityDeps } from './deps.js';

const ANSWER_WITHIN_MS = 15_000;

/** For workflows beside a rollout: a workflow can send signals only, and those are not answered. */
export const createSteerRollout =
  ({ temporal }: ActivityDeps): Activities['steerRollout'] =>
  async ({ fleet, rolloutId, verb, ask }) => {
    const noLonger = () => new FlotillaError('FLT_NO_OPEN_ROLLOUT', `Rollout ${rolloutId} is not open any more.`, { rolloutId });
    const workflowId = workflowIds.rollout(fleet);
    try {
      const { memo, runId } = await temporal.workflow.getHandle(workflowId).describe();
      if (memo?.rolloutId !== rolloutId) throw noLonger();
      const rollout = temporal.workflow.getHandle(workflowId, runId);
      return await temporal.withDeadline(Date.now() + ANSWER_WITHIN_MS, () =>
        rollout.executeUpdate<Answer, [Ask]>(verb, { args: [ask], updateId: ask.requestId }),
      );
    } catch (error) {
      if (error instanceof WorkflowNotFoundError) throw noLonger();
      if (!(error instanceof WorkflowUpdateFailedError) || !(error.cause instanceof ApplicationFailure)) throw error;
      const { type, message } = error.cause;
      throw ApplicationFailure.create({ type: type ?? 'FLT_INTERNAL', message, nonRetryable: true });
    }
  };
