/** Gates as a person writes them: conditions that a rollout must meet before, during and after a wave. */

import { z } from 'zod';
import { GATE_PHASES } from '../domain/gates.js';
import { HOST_CHECKS } from '../domain/host-checks.js';
import { duration } from './duration.js';

/** `env:NAME` and `file:PATH` are resolved by the worker; anything with a credential in it has to be one. */
export const address = z.string().regex(/^(env:[A-Za-z_][A-Za-z0-9_]*|file:.+|https?:\/\/[^\s@]+)$/, {
  error: 'expected an http(s) address without a credential in it, or a reference such as "env:PROMETHEUS_URL"',
});
export const headers = z.record(
  z.string(),
  z.string().regex(/^(env:[A-Za-z_][A-Za-z0-9_]*|file:.+)$/, { error: 'expected a reference such as "env:PROMETHEUS_TOKEN"' }),
);

const common = {
  name: z.string().regex(/^[a-z0-9][a-z0-9_.-]{0,62}$/i, { error: 'expected 1 to 63 letters, digits, ".", "_" or "-"' }),
  /** @defaultValue all three */
  phase: z.array(z.enum(GATE_PHASES)).min(1).optional(),
  /** Between two looks. @defaultValue 10s */
  interval: duration.optional(),
  /** Beyond this: slower, then held. */
  throttle: z.number().optional(),
  /** Beyond this: onGateFail. */
  abort: z.number().optional(),
  /** Which side of a limit is bad. @defaultValue above */
  when: z.enum(['above', 'below']).optional(),
  /** Looks in a row beyond `abort` that are borne. @defaultValue 2 */
  failureLimit: z.int().min(0).max(1_000).optional(),
  /** Looks in a row without a usable answer that are borne. @defaultValue 4 */
  errorLimit: z.int().min(0).max(1_000).optional(),
  /** How long it may throttle before it fails. @defaultValue 30m */
  holdLimit: duration.optional(),
  /** Is shown and acts on nothing. */
  dryRun: z.boolean().optional(),
};

export const gateSpec = z.discriminatedUnion('type', [
  /** One of Flotilla's own, with other limits, or `off`. */
  z.strictObject({
    ...common,
    name: common.name.optional(),
    type: z.literal('builtin'),
    check: z.enum(HOST_CHECKS),
    off: z.boolean().optional(),
  }),
  /** The first column of the first row, read on every host of the wave: a number, or a boolean. */
  z.strictObject({ ...common, type: z.literal('sql'), query: z.string().min(1) }),
  /** An instant query; the greatest sample counts (the smallest with `when: "below"`). */
  z.strictObject({ ...common, type: z.literal('prometheus'), url: address, query: z.string().min(1), headers: headers.optional() }),
  /** 2xx passes; with `field`, the number or boolean at that place of the JSON answer counts. */
  z.strictObject({ ...common, type: z.literal('http'), url: address, field: z.string().min(1).optional(), headers: headers.optional() }),
]);
export type GateSpec = z.infer<typeof gateSpec>;
