import type { DocumentKind, DocumentOf } from '../../client/documents.js';
import type { Body } from '../../client/to-documents.js';
import { plain, type Style, styleOf } from '../render/style.js';
import { renderError, toErrorDocument } from './print-error.js';

/** Prints one result: a document on stdout with --json, text otherwise. */
export interface Output {
  readonly json: boolean;
  readonly style: Style;
  /** A person looks at stdout and can be asked. */
  readonly interactive: boolean;
  result<K extends DocumentKind>(kind: K, body: Body<K>, text: (style: Style) => string, error?: unknown): void;
}

export function createOutput({ json, fleet }: { readonly json: boolean; readonly fleet: string | null }): Output {
  const style = json ? plain() : styleOf(process.stdout);
  return {
    json,
    style,
    interactive: !json && process.stdout.isTTY === true && process.stdin.isTTY === true,
    result(kind, body, text, error) {
      const problem = error === undefined ? undefined : toErrorDocument(error);
      if (json) {
        const { exit: _, ...part } = problem ?? { exit: 0 };
        const document = { schemaVersion: 1, kind, fleet, at: new Date().toISOString(), ...body, ...(problem ? { error: part } : {}) };
        process.stdout.write(`${JSON.stringify(document satisfies object as DocumentOf<DocumentKind>)}\n`);
        return;
      }
      process.stdout.write(text(style));
      if (problem) process.stderr.write(renderError(problem));
    },
  };
}
