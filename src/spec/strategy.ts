/** The rollout strategy as a person writes it. Resolution to counts and milliseconds happens in `domain/resolve-strategy.ts`. */

import ms from 'ms';
import { z } from 'zod';

/** `"15m"`, `"500ms"`, `"72h"`; 0 is `"0s"`. */
export const duration = z.string().refine((text) => text !== '' && ms(text as ms.StringValue) >= 0, {
  error: 'expected a duration such as "500ms", "30s", "15m" or "72h"',
});

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
        include: z.array(z.string()).optional(),
        exclude: z.array(z.string()).optional(),
        seed: z.string().optional(),
        bakeTime: duration.optional(),
      }),
    ])
    .optional(),
  /** @defaultValue 50 */
  maxConcurrency: z.int().min(1).optional(),
  /** @defaultValue 4 */
  maxConcurrencyPerHost: z.int().min(1).optional(),
  /** Over the whole rollout. @defaultValue only the waves' own limits */
  maxFailures: intOrPercent.optional(),
  timeouts: z.strictObject({ lock: duration.optional(), statement: duration.optional(), idle: duration.optional() }).optional(),
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
  bakeTime: duration.optional(),
  finalBakeTime: duration.optional(),
  approval: z
    .strictObject({
      when: z.union([z.enum(['afterCanary', 'everyWave']), z.array(z.string()).min(1)]),
      /** @defaultValue 72h */
      timeout: duration.optional(),
      onTimeout: z.literal('halt').optional(),
    })
    .optional(),
  exclude: z.array(z.string()).optional(),
  /** @defaultValue refuse */
  outOfOrder: z.enum(['refuse', 'allow']).optional(),
});
export type StrategySpec = z.infer<typeof strategySpec>;

export const PRESETS = ['auto', 'fast', 'cautious'] as const;
export type Preset = (typeof PRESETS)[number];
