/** What migration files may import from `flotilla/migration`. */

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
