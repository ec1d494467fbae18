/** What a migration file may write under `flotilla.validate`. */

import { z } from 'zod';
import type { Validation } from './validations.js';

const name = z.string().min(1, { error: 'expected a name' });
const sql = z.string().trim().min(1, { error: 'expected SQL' });
const count = z.int().min(0);
const columns = z.array(name).min(1, { error: 'expected at least one column' });
const values = z.array(z.union([name, z.strictObject({ expression: sql })])).min(1, { error: 'expected at least one column' });
const rows = { table: name, where: sql.optional() };
const content = z.strictObject({ ...rows, columns: values, key: values.optional() });
const bound = z.union([z.number(), name]);

const of = <K extends Validation['check'], S extends z.core.$ZodLooseShape>(check: K, shape: S) =>
  z.strictObject({ check: z.literal(check), ...shape });

const TOLERANCE = { error: 'expected { rows } or { share }' };
const SAME_LENGTH = { error: 'expected as many columns on both sides' };

export const validationSpec = z.discriminatedUnion(
  'check',
  [
    of('noOrphans', { ...rows, columns, references: z.strictObject({ table: name, columns }) }).refine(
      (it) => it.columns.length === it.references.columns.length,
      { ...SAME_LENGTH, path: ['references', 'columns'] },
    ),
    of('uniqueConstraint', { table: name, columns, name: name.optional() }),
    of('index', { table: name, columns: columns.optional(), name: name.optional(), unique: z.boolean().optional() }).refine(
      (it) => it.columns !== undefined || it.name !== undefined,
      { error: 'expected columns, a name, or both' },
    ),
    of('constraintValid', { table: name, name }),
    of('sameCount', {
      source: z.strictObject(rows),
      target: z.strictObject(rows),
      where: sql.optional(),
      tolerance: z
        .union([z.strictObject({ rows: count }, TOLERANCE), z.strictObject({ share: z.number().min(0).max(1) }, TOLERANCE)])
        .optional(),
    }),
    of('sameContent', { source: content, target: content })
      .refine((it) => it.source.columns.length === it.target.columns.length, { ...SAME_LENGTH, path: ['target', 'columns'] })
      .refine((it) => it.source.key?.length === it.target.key?.length, { ...SAME_LENGTH, path: ['target', 'key'] }),
    of('nullCount', { ...rows, column: name, max: count.optional() }),
    of('range', { ...rows, column: name, min: bound.optional(), max: bound.optional() }).refine(
      (it) => it.min !== undefined || it.max !== undefined,
      { error: 'expected min, max, or both' },
    ),
    of('custom', { name, sql, expect: z.number().optional() }),
  ],
  { error: 'expected a check of flotilla/migration' },
) satisfies z.ZodType<Validation>;
