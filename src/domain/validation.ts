/** What a migration's checks came to in one tenant. Counts and checksums: never a value of a row. */

/** Null: the query of a `custom` check answered none. */
export type Numbers = { readonly [name: string]: number | string | null };

export interface ValidationResult {
  /** Names it within its migration: "sameCount users → profiles". */
  readonly check: string;
  readonly passed: boolean;
  /** Empty where the check could not be made at all. */
  readonly numbers: Numbers;
  /** What is wrong, when it did not pass: "4 expected, 3 found". */
  readonly message?: string;
}

export interface MigrationValidation {
  readonly migration: string;
  readonly results: readonly ValidationResult[];
}

export const failedOf = (results: readonly ValidationResult[]): readonly ValidationResult[] => results.filter(({ passed }) => !passed);

/** `sameCount users → profiles: 4 expected, 3 found` */
export const describeFailed = ({ check, message }: ValidationResult): string => `${check}: ${message}`;
