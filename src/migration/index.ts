/** What migration files may import from `flotilla/migration`. */

export {
  addCheckNotValid,
  addEnumValue,
  addForeignKeyNotValid,
  addUniqueUsingIndex,
  type ConstraintName,
  createIndexConcurrently,
  dropIndexConcurrently,
  type ForeignKeySpec,
  type IndexPart,
  type IndexSpec,
  type OnChange,
  setNotNullSafely,
  validateConstraint,
} from './safe-ddl.js';

/** Optional facts about a migration, exported as `flotilla` next to `up` and `down`. */
export interface FlotillaMigration {
  /** Why the migration cannot be taken back; declared instead of a `down`. */
  readonly irreversible?: string;
  /** What happens outside the database. The plan says so: no rollback takes it back, and it happens again when an attempt is repeated. */
  readonly sideEffects?: string;
  /** Who to ask about it. Named with the side effects. */
  readonly owner?: string;
}
