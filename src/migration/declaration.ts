/** What a migration file may say of itself, in an export `flotilla` beside `up` and `down`. */

import { z } from 'zod';
import { isVersion } from '../domain/app-versions.js';
import { PHASES } from '../domain/phases.js';
import { describeIssues } from '../spec/describe-issues.js';
import { duration } from '../spec/duration.js';
import type { Backfill } from './backfill.js';
import { validationSpec } from './validation-spec.js';
import type { Validation } from './validations.js';

const said = z.string().trim().min(1, { error: 'expected a text that says something' });

/** Refusals and warnings that a file may wave through, each with the reason why it is right here. */
const waivers = z.strictObject({
  FLT_BULK_WRITE: said.optional(),
  FLT_INDEX_BEFORE_LOAD: said.optional(),
  FLT_NOT_VALIDATED: said.optional(),
  FLT_CONTRACT_UNCHECKED: said.optional(),
});

const ofContract = ['bake', 'flags', 'appVersion'] as const;

const fields = z.strictObject({
  /** Its part in a change without downtime. A contract never goes out in the rollout of what it comes after. */
  phase: z.enum(PHASES, { error: `expected ${PHASES.join(', ')}` }).optional(),
  /** Migrations that come first, by name without extension. They have to be older. */
  after: z.array(said).min(1, { error: 'expected at least one migration' }).optional(),
  /** Of a contract: what has to pass since the rollouts of what it comes after have ended. @defaultValue no time */
  bake: duration.optional(),
  /** Of a contract: flags that the config's `flags` has to confirm. */
  flags: z.array(said).min(1, { error: 'expected at least one flag' }).optional(),
  /** Of a contract: the application has to run this version or a later one, everywhere (`client.reportAppVersion`). */
  appVersion: z.string().refine(isVersion, { error: 'expected a version such as "4.2.0"' }).optional(),
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
  /** What the file does on purpose although it would be refused, or warned of: reasons by error code. The plan tells them. */
  waive: waivers.optional(),
});

/** What one field asks of another. */
export const declarationSpec = fields.check(
  z.superRefine((it, on) => {
    const mistake = (path: string, message: string) => on.addIssue({ code: 'custom', path: [path], message });
    if (it.phase === 'contract') {
      if (it.after === undefined) mistake('after', 'expected what the contract comes after');
    } else for (const field of ofContract) if (it[field] !== undefined) mistake(field, 'only a contract may have it');
  }),
);

/** Optional facts about a migration, exported as `flotilla` next to `up` and `down`. */
export interface FlotillaMigration extends Readonly<Omit<z.infer<typeof declarationSpec>, 'after' | 'flags' | 'validate'>> {
  readonly after?: readonly string[] | undefined;
  readonly flags?: readonly string[] | undefined;
  readonly validate?: readonly Validation[] | undefined;
}

/** @throws Error with all mistakes, each with its path */
export function readDeclaration(exported: unknown): FlotillaMigration | undefined {
  if (exported === undefined) return undefined;
  const parsed = declarationSpec.safeParse(exported);
  if (parsed.success) return parsed.data;
  const mistakes = describeIssues(parsed.error.issues, exported).map(({ path, message }) => `flotilla${path && `.${path}`}: ${message}`);
  throw new Error(mistakes.join('; '));
}
