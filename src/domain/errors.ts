/**
 * Error families. Everything expected that goes wrong in Flotilla is one of these, with a code from `error-codes.ts`.
 * Messages and details are scrubbed before they get here: no DSN, no bindings, no row values.
 */

import { ERROR_CODES, type ErrorCode, type Family } from './error-codes.js';

export type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json | undefined };
export type Details = { readonly [key: string]: Json | undefined };

const BRAND = Symbol.for('flotilla.error');

/** Thrown for everything that Flotilla expects to go wrong; `code` is stable, `details` JSON-safe. */
export class FlotillaError extends Error {
  override readonly name: string;
  readonly code: ErrorCode;
  readonly details: Details;
  /** What to do: for this case where something closer is known, otherwise what the catalogue says. */
  readonly remedy: string;
  /** Told apart from any other error also where this module was loaded twice. */
  readonly [BRAND] = true;

  constructor(code: ErrorCode, message: string, details: Details = {}, options?: { cause?: unknown; remedy?: string | undefined }) {
    super(message, options && 'cause' in options ? { cause: options.cause } : undefined);
    this.code = code;
    this.details = details;
    this.remedy = options?.remedy ?? ERROR_CODES[code].remedy;
    this.name = ERROR_CODES[code].family;
  }

  get family(): Family {
    return ERROR_CODES[this.code].family;
  }
}

/**
 * The error as one of ours, if it is. A migration file that imports this package brings the module along a second time, with a class of its own.
 */
export function ourError(error: unknown): FlotillaError | undefined {
  if (error instanceof FlotillaError) return error;
  if (typeof error !== 'object' || error === null || !(BRAND in error)) return undefined;
  const { code, message, details, remedy } = error as FlotillaError;
  return new FlotillaError(code, message, details, { cause: error, remedy });
}
