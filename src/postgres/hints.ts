/**
 * What the texts of a migration say about where to look before COMMIT. Some changes leave no trace that is cheap to find; looking for them
 * each time would cost more than everything else.
 */

import { type Name, type Statement, statementsOf } from './statement.js';

/** A text that can hide others, which this grammar does not look into. */
const HIDES = ['DoStmt', 'CallStmt', 'CreateFunctionStmt'];

/** A bracket between GRANT and ON. */
const COLUMN_GRANT = /\b(?:grant|revoke)\b(?:(?!\bon\b)[^;])*\(/i;

export class Hints {
  /** Something may have been dropped or moved: a second connection still sees whose it was. One that hides is found at the end, and costs another try. */
  lookUp = false;
  /** Rights on tables elsewhere may have been granted. */
  grants = false;
  /** Rights on columns elsewhere may have been granted. */
  columnGrants = false;
  /** Domains, or types without values, elsewhere may have been made or changed. */
  types = false;
  #pathChanged = false;

  /** @param ownSchemas undefined: the whole database is the tenant's */
  constructor(private readonly ownSchemas: readonly string[] | undefined) {}

  /** Hints for the next transaction of the same session. */
  next(): Hints {
    const next = new Hints(this.ownSchemas);
    next.#pathChanged = this.#pathChanged;
    return next;
  }

  /** Takes in a text before it is sent. */
  async read(sql: string): Promise<void> {
    this.lookUp ||= /\bdrop\b|\bset\s+schema\b/i.test(sql);
    if (this.ownSchemas === undefined) return;
    this.#pathChanged ||= /search_path/i.test(sql);
    if (/\b(grant|revoke)\b/i.test(sql)) {
      this.grants ||= await this.#some(sql, ({ grants }) => grants, /./);
      this.columnGrants ||= await this.#some(sql, ({ grants, ofColumns }) => (ofColumns ? grants : []), COLUMN_GRANT);
    }
    if (!this.types && /\bdomain\b|\btype\b/i.test(sql))
      this.types = await this.#some(sql, ({ types }) => types, /\b(create|alter)\s+domain\b/i);
  }

  /** Whether a statement names something outside, or may hide what fits `hidden`. */
  async #some(sql: string, names: (statement: Statement) => readonly Name[], hidden: RegExp): Promise<boolean> {
    const statements = await statementsOf(sql);
    if (!statements) return hidden.test(sql);
    return statements.some(
      (statement) => names(statement).some((name) => !this.own(name)) || (HIDES.includes(statement.node) && hidden.test(sql)),
    );
  }

  /** The name, as written, means an object of the tenant's, as far as the texts so far tell. */
  own({ schema }: Name): boolean {
    return schema === undefined ? !this.#pathChanged : schema === 'pg_temp' || this.ownSchemas!.includes(schema);
  }
}
