/** What migration files may import from `flotilla/migration`. */

/** Optional facts about a migration, exported as `flotilla` next to `up` and `down`. */
export interface FlotillaMigration {
  /** Why the migration cannot be taken back; declared instead of a `down`. */
  readonly irreversible?: string;
  /** What happens outside the database. */
  readonly sideEffects?: string;
  /** Who to ask. */
  readonly owner?: string;
}
