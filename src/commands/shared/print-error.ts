/** Errors as a person or a script reads them. Expected errors never show a stack. */

import { EXIT, type ExitCode, exitOfError } from '../../client/exit-codes.js';
import { FlotillaError } from '../../domain/errors.js';
import { clip, wrap } from '../render/format.js';

export interface ErrorDocument {
  readonly code: string;
  readonly message: string;
  readonly remedy: string;
  readonly retryable: boolean;
  readonly details: Record<string, unknown>;
}

export function toErrorDocument(error: unknown): ErrorDocument & { readonly exit: ExitCode } {
  if (error instanceof FlotillaError) {
    const exit = exitOfError(error.code);
    return {
      code: error.code,
      message: error.message,
      remedy: error.remedy,
      retryable: exit === EXIT.unavailable,
      details: { ...error.details },
      exit,
    };
  }
  const message = error instanceof Error ? error.message : String(error);
  return {
    code: 'FLT_INTERNAL',
    message: `Unexpected: ${message}`,
    remedy: 'This is a bug in Flotilla; please report it with this message and the worker log.',
    retryable: false,
    details: {},
    exit: EXIT.unexpected,
  };
}

const WIDTH = 80;
const LABEL = 13;

/** `CODE  message`, then one line per detail, then what to do and the exit code. */
export function renderError({ code, message, remedy, details, exit }: ErrorDocument & { readonly exit: number }): string {
  // A message of several lines lists its details itself.
  const listed = message.includes('\n');
  const lines = Object.entries(details).flatMap(([key, value]) => {
    if (value === undefined || value === null || (listed && Array.isArray(value))) return [];
    return (Array.isArray(value) ? value : [value]).map((item) => row(key, describe(item)));
  });
  return `${[`${code}  ${message}`, ...lines, row('do', `${remedy} Exit ${exit}.`)].join('\n')}\n`;
}

const row = (label: string, text: string): string =>
  `  ${label.padEnd(LABEL - 3)} ${wrap(clip(text, 600), WIDTH - LABEL, ' '.repeat(LABEL))}`;

/** Findings read as sentences; other objects as `key: value`. */
function describe(item: unknown): string {
  if (typeof item !== 'object' || item === null) return String(item);
  const { code, message, sample, ...rest } = item as Record<string, unknown>;
  if (typeof code === 'string' && typeof message === 'string')
    return `${code}: ${message}${Array.isArray(sample) && sample.length ? ` (${sample.join(', ')})` : ''}`;
  return Object.entries({ ...(code === undefined ? {} : { code }), ...(message === undefined ? {} : { message }), ...rest })
    .filter(([, value]) => value !== undefined && value !== null)
    .map(([key, value]) => `${key}: ${typeof value === 'object' ? JSON.stringify(value) : value}`)
    .join(', ');
}

/** Prints the error where it belongs (JSON on stdout, text on stderr) and returns the exit code. */
export function printError(
  error: unknown,
  { json, fleet = null, kind = 'error' }: { json: boolean; fleet?: string | null; kind?: string },
): ExitCode {
  const { exit, ...document } = toErrorDocument(error);
  if (json) process.stdout.write(`${JSON.stringify({ schemaVersion: 1, kind, fleet, at: new Date().toISOString(), error: document })}\n`);
  else process.stderr.write(renderError({ ...document, exit }));
  return exit;
}
