/** Where Flotilla asks whether a feature flag is on: a contract may name flags that have to be. */

import { z } from 'zod';
import { address, headers } from './gates.js';

/** `tenant`: undefined asks for the whole fleet. */
export type FlagFunction = (flag: string, tenant: string | undefined) => boolean | Promise<boolean>;

export const flagsSpec = z.union([
  /** One statement on the control connection; its first column holds the flags that are on for everybody. Names need their schema. */
  z.strictObject({ sql: z.string().min(1) }),
  /** Asked with `?flag=NAME`, and `&tenant=ID` for one tenant: 2xx is on; with `field`, the boolean at that place of the JSON answer. */
  z.strictObject({ url: address, field: z.string().min(1).optional(), headers: headers.optional() }),
  z.custom<FlagFunction>((value) => typeof value === 'function', {
    error: 'expected { sql }, { url } or a function (flag, tenant) => boolean',
  }),
]);
export type FlagsSpec = z.infer<typeof flagsSpec>;
