/** Has this worker exactly the files that the plan pinned? Files newer than the plan are no difference. */

import { closurePin, type PlannedMigration, type PlanSummary } from '../domain/plan.js';
import type { FileProblem, MigrationFile } from '../engines/engine.js';

/** Undefined when every planned migration is here, unchanged; otherwise one sentence about the first that is not. */
export function fileDifference(
  planned: readonly PlannedMigration[],
  have: { readonly files: readonly MigrationFile[]; readonly problems: readonly FileProblem[] },
  operation?: PlanSummary['operation'],
): string | undefined {
  const byName = new Map(have.files.map((file) => [file.name, file]));
  for (const migration of planned) {
    const file = byName.get(migration.name);
    if (!file) {
      const problem = have.problems.find(({ file: name }) => name.startsWith(`${migration.name}.`));
      return problem ? `${problem.file}: ${problem.message}` : `it has no ${migration.name}`;
    }
    if (file.checksum !== migration.checksum) return `its ${migration.name} differs from the plan's`;
    if (closurePin(file.closure, operation) !== migration.closure) return `what its ${migration.name} imports differs from the plan's`;
  }
  return undefined;
}
