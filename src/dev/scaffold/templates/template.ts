/** What a template of a migration file is made of. */

export interface TemplateText {
  /** What a person should know before the names are replaced: comment lines at the top. */
  readonly intro?: string;
  /** Functions that it takes from `flotilla/migration`. */
  readonly imports?: readonly string[];
  /** What it takes from another file of its template, which has that name (without extension). */
  readonly takes?: { readonly name: string; readonly from: string };
  /** Runs outside a transaction. */
  readonly outside?: true;
  /** The object that the file exports as `flotilla`, as source. */
  readonly declares?: string;
  /** Constants that `up` and `down` share. */
  readonly shared?: string;
  /** One that later files of its template take, too. */
  readonly offers?: { readonly name: string; readonly value: string };
  /** Body of `up`, indented by two spaces. */
  readonly up: string;
  /** Body of `down`, its exact inverse; left out where `declares` says why there is none. */
  readonly down?: string;
}

export interface Template {
  /** One line for the help text. */
  readonly summary: string;
  /** @param table a plain name: letters, digits, underscores */
  readonly text: (table: string) => TemplateText;
}

/** Several files that are one change. */
export interface TemplateInParts {
  readonly summary: string;
  /** What the files' names end in, oldest first. */
  readonly parts: readonly string[];
  /** How many of them the first rollout may carry. */
  readonly first: number;
  /** @param names of the files, without extension: as many as parts */
  readonly texts: (table: string, names: readonly string[]) => readonly TemplateText[];
}

/** Postgres cuts off what is longer, and then two names may be one. */
const LONGEST_NAME = 63;

/** A name made of the table's and what it is for. */
export const named = (table: string, suffix: string): string => `${table.slice(0, LONGEST_NAME - suffix.length - 1)}_${suffix}`;
