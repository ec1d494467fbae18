/** Whom a rollout tells: webhooks. */

import { z } from 'zod';
import { NOTICE_KINDS } from '../domain/rollout/notices.js';

/** `env:NAME` and `file:PATH` are resolved by the worker; an address that is itself a secret (Slack's are) has to be one. */
const address = z.string().regex(/^(env:[A-Za-z_][A-Za-z0-9_]*|file:.+|https?:\/\/[^\s@]+)$/, {
  error: 'expected a reference such as "env:OPS_WEBHOOK", or an http(s) address without a credential in it',
});

export const webhookSpec = z
  .strictObject({
    url: address,
    /** `json`: the notice itself; `slack`: a message. @defaultValue json */
    format: z.enum(['json', 'slack']).optional(),
    /** Signs each message, as standardwebhooks.com has it (base64, with or without `whsec_`). */
    secret: z
      .string()
      .regex(/^(env:[A-Za-z_][A-Za-z0-9_]*|file:.+)$/, { error: 'expected a reference such as "env:OPS_WEBHOOK_SECRET"' })
      .optional(),
    /** @defaultValue all */
    events: z.array(z.enum(NOTICE_KINDS)).min(1).optional(),
  })
  .refine((webhook) => webhook.format !== 'slack' || webhook.secret === undefined, {
    error: 'Slack checks no signature: leave the secret out',
    path: ['secret'],
  });
export type WebhookSpec = z.infer<typeof webhookSpec>;
