/** Signals, updates and queries as Temporal wants them defined, made from the names in `messages.ts`. Descriptions are operator help. */

import { defineQuery, defineSignal, defineUpdate } from '@temporalio/workflow';
import type { FleetBackfill } from '../domain/backfill/fleet-progress.js';
import type { Reason, RolloutProgress, WaveProgress } from '../domain/rollout/contract.js';
import type { Steer, WaveNews } from '../domain/wave/contract.js';
import {
  type AbortAsk,
  type Answer,
  type ApproveAsk,
  type Ask,
  DISMISS_SIGNAL,
  FREEZE_SIGNAL,
  type Freeze,
  PARKED_SIGNAL,
  PIN_SIGNAL,
  type PinNews,
  QUERIES,
  type ResumeAsk,
  type RetryAsk,
  type RollbackAsk,
  type SkipAsk,
  type SpeedAsk,
  STEER_SIGNAL,
  TENANT_RESOLVED_SIGNAL,
  type TenantAnswer,
  type TenantAsk,
  type TenantInput,
  type TenantProgress,
  type TenantResolved,
  WAVE_NEWS_SIGNAL,
} from './messages.js';

export const pauseUpdate = defineUpdate<Answer, [Ask]>('pause');
export const resumeUpdate = defineUpdate<Answer, [ResumeAsk]>('resume');
export const approveUpdate = defineUpdate<Answer, [ApproveAsk]>('approve');
export const rejectUpdate = defineUpdate<Answer, [ApproveAsk]>('reject');
export const skipUpdate = defineUpdate<Answer, [SkipAsk]>('skip');
export const retryUpdate = defineUpdate<Answer, [RetryAsk]>('retry');
export const speedUpdate = defineUpdate<Answer, [SpeedAsk]>('speed');
export const abortUpdate = defineUpdate<Answer, [AbortAsk]>('abort');
export const rollbackUpdate = defineUpdate<Answer, [RollbackAsk]>('rollback');
export const pauseSignal = defineSignal<[Ask]>('pause');
export const abortSignal = defineSignal<[AbortAsk]>('abort');
export const freezeSignal = defineSignal<[Freeze | null]>(FREEZE_SIGNAL);
export const pinSignal = defineSignal<[PinNews]>(PIN_SIGNAL);
export const tenantResolvedSignal = defineSignal<[TenantResolved]>(TENANT_RESOLVED_SIGNAL);
export const waveNewsSignal = defineSignal<[WaveNews]>(WAVE_NEWS_SIGNAL);
export const progressQuery = defineQuery<RolloutProgress>(QUERIES.progress);
export const explainQuery = defineQuery<readonly Reason[]>(QUERIES.explain);

export const steerSignal = defineSignal<[Steer]>(STEER_SIGNAL);
export const backfillProgressQuery = defineQuery<readonly FleetBackfill[]>(QUERIES.progress);
export const waveProgressQuery = defineQuery<WaveProgress>(QUERIES.progress);

export const parkedSignal = defineSignal<[TenantInput]>(PARKED_SIGNAL);
export const dismissSignal = defineSignal<[{ readonly reason: string }]>(DISMISS_SIGNAL);
export const tenantRetryUpdate = defineUpdate<TenantAnswer, [TenantAsk]>('retry');
export const tenantSkipUpdate = defineUpdate<TenantAnswer, [TenantAsk]>('skip');
export const tenantRollbackUpdate = defineUpdate<TenantAnswer, [TenantAsk]>('rollback');
export const tenantRetrySignal = defineSignal<[TenantAsk]>('retry');
export const tenantSkipSignal = defineSignal<[TenantAsk]>('skip');
export const tenantRollbackSignal = defineSignal<[TenantAsk]>('rollback');
export const tenantProgressQuery = defineQuery<TenantProgress>(QUERIES.progress);

const who = 'Give {"actor": "you", "reason": "why", "requestId": "any unique text"}.';
/** What the Temporal UI's dialogs say. */
export const HELP = {
  pause: `Stop starting tenants; those in hand finish. Go on with resume. ${who}`,
  resume: `Go on after pause, or after a halt once its failures are resolved (or with "acceptFailures": N). ${who}`,
  approve: `Let the wave that waits go on. Name it: "wave" and "digest" as progress shows them. ${who}`,
  reject: `Do not let the wave that waits go on; the rollout halts. Name it as for approve. ${who}`,
  skip: `Leave out "tenants": [...], a "host", the running "wave", a "gate", or the "bake": true. ${who}`,
  speed: `From the next dispatch on: "maxConcurrency", "perHost", or "maxFailures" of the wave that runs or comes next. ${who}`,
  retry: `Try parked tenants again: "tenants": [...], "error": code, "host": name, or "failed": true. The first is a probe. ${who}`,
  abort: `Stop for good; nothing is undone. Tenants in hand finish, or with "inFlight": "cancel" their statements are cancelled. While rolling back: "confirm": true. ${who}`,
  rollback: `Return tenants to where this rollout found them (not Knex's last batch): all, or "wave": name, or "tenants": [...]; "to": migration that stays. ${who}`,
  progress: 'Where the rollout stands.',
  explain: 'Why it is not moving: one reason a line.',
  tenantRetry: `Migrate this tenant again. ${who}`,
  tenantSkip: `Leave this tenant as it is; it stops counting as a failure. ${who}`,
  tenantRollback: `Take back what the rollout applied to this tenant. ${who}`,
} as const;
