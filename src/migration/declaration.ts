/** What a migration file may say of itself, in an export `flotilla` beside `up` and `down`. */

import { z } from 'zod';
import { describeIssues } from '../spec/describe-issues.js';
import type { Backfill } from './backfill.js';
import { validationSpec } from './validation-spec.js';

const said = z.string().trim().min(1, { error: 'expected a text that says something' });

/** Refusals that a file may wave through, each with the reason why it is right here. */
const waivers = z.strictObject({ FLT_BULK_WRITE: said.optional() });

export const declarationSpec = z.strictObject({
  /** Why the migration cannot be taken back; declared instead of a `down`. */
  irreversible: said.optional(),
  /** What happens outside the database. The plan says so: no rollback takes it back, and it happens again when an attempt is repeated. */
  sideEffects: said.optional(),
  /** Run by Flotilla in place of `up`, chunk by chunk. */
  backfill: z
    .custom<Backfill>((it) => (it as Partial<Backfill> | null)?.kind === 'backfill', { error: 'expected what backfill() answers' })
    .optional(),
  /** Who to ask about it. Named with the side effects. */
  owner: said.optional(),
  /** What must hold of the data for the migration to count as applied. */
  validate: z.array(validationSpec).min(1, { error: 'expected at least one check' }).optional(),
  /** What the file does on purpose although it would be refused: reasons by error code. The plan tells them. */
  waive: waivers.optional(),
});

/** Optional facts about a migration, exported as `flotilla` next to `up` and `down`. */
export type FlotillaMigration = Readonly<z.infer<typeof declarationSpec>>;

/** @throws Error with all mistakes, each with its path */
export function readDeclaration(exported: unknown): FlotillaMigration | undefined {
  if (exported === undefined) return undefined;
  const parsed = declarationSpec.safeParse(exported);
  if (parsed.success) return parsed.data;
  const mistakes = describeIssues(parsed.error.issues, exported).map(({ path, message }) => `flotilla${path && `.${path}`}: ${message}`);
  throw new Error(mistakes.join('; '));
}
