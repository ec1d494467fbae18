/** The rollout strategy as a person writes it. Resolution to counts and milliseconds happens in `domain/resolve-strategy.ts`. */

import { z } from 'zod';
import { duration } from './duration.js';
import { gateSpec } from './gates.js';

/** `5` or `"5%"`. */
export const intOrPercent = z.union([
  z.int().min(0),
  z.string().regex(/^(100(\.0+)?|\d{1,2}(\.\d+)?)%$/, { error: 'expected an integer or a percentage such as "5%"' }),
]);
export type IntOrPercent = z.infer<typeof intOrPercent>;

const matchExpression = z.strictObject({
  key: z.string().min(1),
  operator: z.enum(['In', 'NotIn', 'Exists', 'DoesNotExist']),
  values: z.array(z.string()).optional(),
});

/** Kubernetes-style: every part given must match. `host` and `id` are labels every tenant has. */
export const selector = z.strictObject({
  matchLabels: z.record(z.string(), z.string()).optional(),
  matchExpressions: z.array(matchExpression).optional(),
  names: z.array(z.string()).optional(),
});
export type Selector = z.infer<typeof selector>;

export const waveSpec = z.strictObject({
  name: z.string().regex(/^[a-z0-9][a-z0-9%_-]{0,30}$/i, { error: 'expected up to 31 letters, digits, "%", "-" or "_"' }),
  selector: selector.optional(),
  /** Of the pending tenants that the selector leaves; default: all of them. */
  size: intOrPercent.optional(),
  maxFailures: intOrPercent.optional(),
  maxConcurrency: z.int().min(1).optional(),
  maxConcurrencyPerHost: z.int().min(1).optional(),
  bakeTime: duration.optional(),
});
export type WaveSpec = z.infer<typeof waveSpec>;

/** What canaries shall differ in. */
export const stratum = z.string().regex(/^(host|size|schemaVersion|pgVersion|labels\..+)$/, {
  error: 'expected "host", "size", "schemaVersion", "pgVersion" or "labels.NAME"',
});

const windowSpec = z.strictObject({
  kind: z.enum(['allow', 'deny']),
  /** Cron, five fields (six: seconds first): when it begins. */
  schedule: z.string().min(1),
  duration,
  /** IANA name. @defaultValue UTC */
  timeZone: z.string().optional(),
  /** @defaultValue all tenants */
  selector: selector.optional(),
  /** Tenants in hand when it closes. @defaultValue finish */
  onClose: z.enum(['finish', 'cancel']).optional(),
});
export type WindowSpec = z.infer<typeof windowSpec>;

export const strategySpec = z.strictObject({
  /** After the canary wave, in order; first match wins. */
  waves: z.array(waveSpec).min(1).optional(),
  /** Tenants that no wave selects. @defaultValue error */
  unmatched: z.enum(['error', 'remainder', 'ignore']).optional(),
  /** false: no canary wave. @defaultValue 1 per host, at most 20 */
  canary: z
    .union([
      z.literal(false),
      z.strictObject({
        count: z.int().min(1).optional(),
        /** @defaultValue host, labels.plan, size, schemaVersion, pgVersion */
        stratifyBy: z.array(stratum).min(1).optional(),
        include: z.array(z.string()).optional(),
        exclude: z.array(z.string()).optional(),
        /** @defaultValue the plan's id */
        seed: z.string().optional(),
        bakeTime: duration.optional(),
      }),
    ])
    .optional(),
  /** @defaultValue 50 */
  maxConcurrency: z.int().min(1).optional(),
  /** @defaultValue 4 */
  maxConcurrencyPerHost: z.int().min(1).optional(),
  /** Slow start on each host. @defaultValue 1, doubled per full round of successes */
  ramp: z.strictObject({ initial: z.int().min(1).optional(), factor: z.number().gt(1).max(10).optional() }).optional(),
  /** Over the whole rollout. @defaultValue only the waves' own limits */
  maxFailures: intOrPercent.optional(),
  /** false: off. @defaultValue 5 of the last 20 */
  sameErrorThreshold: z.union([z.literal(false), z.strictObject({ count: z.int().min(1), window: z.int().min(1).max(1_000) })]).optional(),
  timeouts: z
    .strictObject({
      lock: duration.optional(),
      statement: duration.optional(),
      idle: duration.optional(),
      /** All migrations of one tenant together. @defaultValue none */
      tenant: duration.optional(),
    })
    .optional(),
  retry: z
    .strictObject({
      quickTries: z.int().min(1).max(20).optional(),
      maxAttempts: z.int().min(1).max(100).optional(),
      minBackoff: duration.optional(),
      maxBackoff: duration.optional(),
    })
    .optional(),
  onTenantFailure: z.literal('park').optional(),
  /** @defaultValue rollbackWave */
  onBreach: z.enum(['rollbackWave', 'rollbackRollout', 'halt', 'continue']).optional(),
  /** @defaultValue halt */
  onGateFail: z.enum(['rollbackWave', 'rollbackRollout', 'halt']).optional(),
  bakeTime: duration.optional(),
  finalBakeTime: duration.optional(),
  /** Beside the built-in ones. */
  gates: z.array(gateSpec).optional(),
  approval: z
    .strictObject({
      when: z.union([z.enum(['afterCanary', 'everyWave']), z.array(z.string()).min(1)]),
      /** @defaultValue 72h */
      timeout: duration.optional(),
      /** @defaultValue halt */
      onTimeout: z.enum(['halt', 'abort']).optional(),
    })
    .optional(),
  windows: z.array(windowSpec).optional(),
  deadlines: z
    .strictObject({
      /** A wave that takes longer halts. @defaultValue none */
      wave: duration.optional(),
      /** No tenant settled for so long: somebody is told. @defaultValue 30m */
      progress: duration.optional(),
    })
    .optional(),
  /** Whether tenants that come or change meanwhile are swept up at the end. @defaultValue catchUp */
  membership: z.enum(['snapshot', 'catchUp']).optional(),
  exclude: z.array(z.string()).optional(),
  /** @defaultValue refuse */
  outOfOrder: z.enum(['refuse', 'allow']).optional(),
});
export type StrategySpec = z.infer<typeof strategySpec>;

export const PRESETS = ['auto', 'fast', 'cautious'] as const;
export type Preset = (typeof PRESETS)[number];
