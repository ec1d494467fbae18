/** What migration files may import from `flotilla/migration`. */

export { type Backfill, type BackfillOptions, backfill, type Row } from './backfill.js';
export type { FlotillaMigration } from './declaration.js';
export { SKIP_DUAL_WRITE_BACK } from './dual-write/skip.js';
export { type AcrossTablesSpec, type Columns, type DualWrite, type DualWriteSpec, dualWrite, type SameRowSpec } from './dual-write.js';
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
export {
  type ConstraintValid,
  type Content,
  type Custom,
  constraintValid,
  custom,
  type Index,
  index,
  type NoOrphans,
  type NullCount,
  noOrphans,
  nullCount,
  type Range,
  type Rows,
  range,
  type SameContent,
  type SameCount,
  sameContent,
  sameCount,
  type Tolerance,
  type UniqueConstraint,
  uniqueConstraint,
  type Validation,
  type Value,
} from './validations.js';
