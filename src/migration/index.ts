/** What migration files may import from `flotilla/migration`. */

export { type Backfill, type BackfillOptions, backfill, type Row } from './backfill.js';
export type { FlotillaMigration } from './declaration.js';
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
