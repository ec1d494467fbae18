/**
 * What a migration promises of the data, as plain data: `export const flotilla = { validate: [noOrphans({…}), …] }`. The runner checks it at
 * the end of `up`, before anything counts as applied; `flotilla validate` checks it again at any time.
 *
 * Tables are the tenant's own: another tenant's, or one further along the search_path, is not looked at. Names are exact. Conditions and
 * expressions are SQL and are read with the tenant's search_path. Nothing is ever written, and nothing but numbers leaves the database.
 * A table or a column that is not there fails its check, and no other.
 */

/** A column by name, or an expression as SQL. */
export type Value = string | { readonly expression: string };

/** Rows of one table; without `where` all of them. */
export interface Rows {
  readonly table: string;
  /** SQL. */
  readonly where?: string;
}

export interface NoOrphans extends Rows {
  readonly columns: readonly string[];
  readonly references: { readonly table: string; readonly columns: readonly string[] };
}

export interface UniqueConstraint {
  readonly table: string;
  /** All of them, in this order. */
  readonly columns: readonly string[];
  readonly name?: string;
}

/** Columns, a name, or both. */
export interface Index {
  readonly table: string;
  /** All that the index is searched by, in this order. */
  readonly columns?: readonly string[];
  readonly name?: string;
  /** It must be unique. @defaultValue either will do */
  readonly unique?: boolean;
}

export interface ConstraintValid {
  readonly table: string;
  readonly name: string;
}

/** How far two counts may be apart. `share` is one of the source's rows: 0.01 is one in a hundred. */
export type Tolerance = { readonly rows: number } | { readonly share: number };

export interface SameCount {
  readonly source: Rows;
  readonly target: Rows;
  /** SQL that holds on both sides; a side's own `where` stands in its place. */
  readonly where?: string;
  /** @defaultValue none */
  readonly tolerance?: Tolerance;
}

export interface Content extends Rows {
  /** What is compared, in this order. */
  readonly columns: readonly Value[];
  /** What tells one row from another: with it on both sides, rows that are missing, extra and changed are counted. */
  readonly key?: readonly Value[];
}

export interface SameContent {
  readonly source: Content;
  readonly target: Content;
}

export interface NullCount extends Rows {
  readonly column: string;
  /** @defaultValue 0 */
  readonly max?: number;
}

/** Both ends count as inside. A text is read as the column's type: a date, or a number beyond what JavaScript holds exactly. */
export interface Range extends Rows {
  readonly column: string;
  readonly min?: number | string;
  readonly max?: number | string;
}

export interface Custom {
  readonly name: string;
  /** A query that answers one number. */
  readonly sql: string;
  /** @defaultValue 0 */
  readonly expect?: number;
}

export type Validation =
  | ({ readonly check: 'noOrphans' } & NoOrphans)
  | ({ readonly check: 'uniqueConstraint' } & UniqueConstraint)
  | ({ readonly check: 'index' } & Index)
  | ({ readonly check: 'constraintValid' } & ConstraintValid)
  | ({ readonly check: 'sameCount' } & SameCount)
  | ({ readonly check: 'sameContent' } & SameContent)
  | ({ readonly check: 'nullCount' } & NullCount)
  | ({ readonly check: 'range' } & Range)
  | ({ readonly check: 'custom' } & Custom);

/** Every row refers to one that is there. A row with a null among its columns refers to nothing, as with a foreign key. */
export const noOrphans = (of: NoOrphans): Validation => ({ check: 'noOrphans', ...of });

/** There is a unique constraint, or a primary key, over exactly these columns. */
export const uniqueConstraint = (of: UniqueConstraint): Validation => ({ check: 'uniqueConstraint', ...of });

/**
 * There is such an index, and it is valid: built to its end, and in use. One over part of the rows (WHERE), or over expressions, counts only
 * when it is asked for by name.
 */
export const index = (of: Index): Validation => ({ check: 'index', ...of });

/** There is a constraint of this name, and every row was found to keep it: none that is NOT VALID or NOT ENFORCED. */
export const constraintValid = (of: ConstraintValid): Validation => ({ check: 'constraintValid', ...of });

/** Both sides have as many rows. The filter belongs to the promise: where only some rows are moved, say which. */
export const sameCount = (of: SameCount): Validation => ({ check: 'sameCount', ...of });

/**
 * Both sides hold the same rows, in whatever order and as often. In the database, each row's text is hashed to 64 bits, the hashes are added
 * up, and sums and counts are compared; the hash is seeded anew each time, so that a sum says nothing of the rows.
 *
 * Values are compared as Postgres writes them: 1 is the same as '1', but not as 1.0, and true is `t`; null is nothing but null. Cast what is
 * to be the same. Equal sums of different rows are as good as impossible by chance, and not ruled out against somebody who wants them.
 */
export const sameContent = (of: SameContent): Validation => ({ check: 'sameContent', ...of });

/** No more rows than `max` hold null. */
export const nullCount = (of: NullCount): Validation => ({ check: 'nullCount', ...of });

/** No row lies outside. Null lies nowhere: see `nullCount`. */
export const range = (of: Range): Validation => ({ check: 'range', ...of });

/** A query of your own answers this number. It can read and not write. */
export const custom = (of: Custom): Validation => ({ check: 'custom', ...of });
