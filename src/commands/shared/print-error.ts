/** Errors as a person or a script reads them. Expected errors never show a stack. */

import { EXIT, type ExitCode, exitOfError } from '../../client/exit-codes.js';
import { FlotillaError } from '../../domain/errors.js';

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

/** `CODE  message`, then one line per detail, then what to do and the exit code. */
export function renderError({ code, message, remedy, details, exit }: ErrorDocument & { readonly exit: number }): string {
  const lines = [`${code}  ${message}`];
  for (const [key, value] of Object.entries(details)) {
    if (value === undefined || value === null) continue;
    const items = Array.isArray(value) ? value : [value];
    for (const item of items)
      lines.push(`  ${key.padEnd(10)} ${typeof item === 'object' ? describe(item as Record<string, unknown>) : item}`);
  }
  lines.push(`  ${'do'.padEnd(10)} ${remedy} Exit ${exit}.`);
  return `${lines.join('\n')}\n`;
}

const describe = (item: Record<string, unknown>): string =>
  Object.entries(item)
    .filter(([, value]) => value !== undefined && value !== null)
    .map(([key, value]) => `${key}: ${typeof value === 'object' ? JSON.stringify(value) : value}`)
    .join(', ');

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
