/**
 * What a migration outside a transaction has done so far, so that a rerun can go through its file from the top: a statement is known by its
 * text, its bindings, and how often that pair has been sent before. An entry commits together with what it tells of. Entries are never
 * matched by position: a file that reads before it writes sends other statements the second time.
 */

import { createHash } from 'node:crypto';
import { deserialize, serialize } from 'node:v8';
import type { Direction } from '../contract.js';
import { bookkeeping } from '../ledger.js';
import type { SessionSettings } from '../messages.js';
import { literal } from '../quote.js';

/** What the driver answered to one statement, as far as a migration can see it. */
interface Result {
  readonly command: string;
  readonly rowCount: number | null;
  readonly rows: readonly unknown[];
  readonly fields: readonly { readonly name: string; readonly dataTypeID: number }[];
}
/** A text of several statements is answered by a list. */
export type Answer = Result | readonly Result[];

export interface Entry {
  readonly key: string;
  readonly occurrence: number;
  /** `started`: sent outside a block, and nobody knows how it ended. */
  readonly state: 'started' | 'done';
  /** Head of the text, for a person. */
  readonly statement: string;
  readonly result: Buffer | null;
}

/** Key of the one entry that is no statement: the catalog's lines as they were before the migration's first attempt. */
export const BEFORE = 'before';

/** A statement's place in the journal. */
export interface Place {
  readonly key: string;
  readonly occurrence: number;
  readonly sql: string;
}

const HEAD = 300;

/** Bindings in a form that the next process, or the next version of Node, writes the same. */
const bindingsText = (bindings: readonly unknown[]): string =>
  JSON.stringify(bindings, (_, value: unknown) => (typeof value === 'bigint' ? { bigint: String(value) } : value));

const keyOf = (sql: string, bindings: readonly unknown[]): string =>
  createHash('sha256').update(sql).update('\0').update(bindingsText(bindings)).digest('hex');

export class Journal {
  readonly #entries = new Map<string, Entry>();
  readonly #asked = new Set<string>();
  #counts = new Map<string, number>();

  constructor(
    private readonly settings: SessionSettings,
    private readonly migration: string,
    private readonly direction: Direction,
    entries: readonly Entry[],
  ) {
    for (const entry of entries) this.#entries.set(`${entry.key} ${entry.occurrence}`, entry);
  }

  /** Counts the statement and answers its place. */
  place(sql: string, bindings: readonly unknown[]): Place {
    const key = keyOf(sql, bindings);
    const occurrence = (this.#counts.get(key) ?? 0) + 1;
    this.#counts.set(key, occurrence);
    return { key, occurrence, sql };
  }

  find(place: Place): Entry | undefined {
    const id = `${place.key} ${place.occurrence}`;
    this.#asked.add(id);
    return this.#entries.get(id);
  }

  /** Whether the statement, sent next, is answered from here. Counts nothing. */
  answers(sql: string, bindings: readonly unknown[]): boolean {
    const key = keyOf(sql, bindings);
    return this.#entries.get(`${key} ${(this.#counts.get(key) ?? 0) + 1}`)?.state === 'done';
  }

  /** Counts as they are now: a block that is rolled back has sent nothing. */
  mark(): ReadonlyMap<string, number> {
    return new Map(this.#counts);
  }
  returnTo(counts: ReadonlyMap<string, number>): void {
    this.#counts = new Map(counts);
  }

  /** SQL that writes the entry. The caller has it commit together with the effect. */
  write(place: Place, state: Entry['state'], answer?: Answer): string {
    return this.#insert(place, state, answer && plain(answer));
  }
  #insert(place: Place, state: Entry['state'], value: unknown): string {
    const { step } = bookkeeping(this.settings.tenant, this.settings.names);
    const result = value === undefined ? 'null' : `decode('${serialize(value).toString('hex')}', 'hex')`;
    return `insert into ${step} (migration, direction, key, occurrence, state, statement, result)
      values (${literal(this.migration)}, '${this.direction}', '${place.key}', ${place.occurrence}, '${state}', ${literal(place.sql.slice(0, HEAD))}, ${result})
      on conflict (migration, direction, key, occurrence) do update set state = excluded.state, result = excluded.result, at = clock_timestamp();`;
  }
  /** SQL that takes an entry back: it had no effect after all. */
  strike(place: Place): string {
    const { step } = bookkeeping(this.settings.tenant, this.settings.names);
    return `delete from ${step} where migration = ${literal(this.migration)} and direction = '${this.direction}' and key = '${place.key}' and occurrence = ${place.occurrence};`;
  }

  /** The catalog's lines before the first attempt, where one kept them. */
  before(): readonly string[] | undefined {
    const entry = this.#entries.get(`${BEFORE} 0`);
    return entry?.result ? (deserialize(entry.result) as string[]) : undefined;
  }
  writeBefore(lines: readonly string[]): string {
    return this.#insert({ key: BEFORE, occurrence: 0, sql: '' }, 'done', lines);
  }

  /** Statements of earlier attempts that this run of the file did not send again. */
  unused(): readonly Entry[] {
    return [...this.#entries].filter(([id, { key }]) => !this.#asked.has(id) && key !== BEFORE).map(([, entry]) => entry);
  }
}

const plain = (answer: Answer): Answer => ('command' in answer ? plainResult(answer) : answer.map(plainResult));
const plainResult = ({ command, rowCount, rows = [], fields = [] }: Result): Result => ({
  command,
  rowCount,
  rows: rows.map((row) => (Array.isArray(row) ? row : { ...(row as object) })),
  fields: fields.map(({ name, dataTypeID }) => ({ name, dataTypeID })),
});

/** The answer that the migration got the first time. */
export const answerOf = (entry: Entry): Answer => (entry.result ? (deserialize(entry.result) as Answer) : NOTHING);

/** What the server says to a statement that answers no rows. */
export const NOTHING: Answer = { command: '', rowCount: null, rows: [], fields: [] };
