/** docs/errors.md, from the catalogue in `src/domain/error-codes.ts`. */

import { ERROR_CODES, type ErrorCodeRow, type Family } from '../../src/domain/error-codes.js';

const families: Record<Family, string> = {
  SpecError: 'The command line or the config is wrong. Reported before anything starts, every mistake at once.',
  PreflightError: 'Something stands in the way; nothing was changed.',
  TransientError: 'Passes by itself, or when something is brought back. Never counts as a failure of a tenant by itself.',
  MigrationError: 'A migration failed on a tenant. The tenant is parked and counts against the failure budget.',
  VerificationError: 'What came out is not what should have come out.',
  DriftError: 'Files and histories do not fit each other.',
  RollbackError: 'A migration cannot be, or was not, taken back.',
  OutcomeUnknownError: 'It is not known whether it took effect; the ledger is read before anything else.',
};

const effects: Record<ErrorCodeRow['effect'], string> = {
  fails: 'counts as a failure',
  waits: 'the tenant waits',
  stops: 'stops the verb, or halts',
  none: 'none',
};
const retries: Record<ErrorCodeRow['retried'], string> = { activity: 'at once', wave: 'later', no: 'no' };

export function errorDocs(): string {
  const sections = (Object.keys(families) as Family[]).map((family) => {
    const rows = Object.entries(ERROR_CODES as Record<string, ErrorCodeRow>).filter(([, row]) => row.family === family);
    const lines = rows.map(
      ([code, row]) => `| \`${code}\` | ${row.meaning} | ${row.remedy} | ${retries[row.retried]} | ${effects[row.effect]} | ${row.exit} |`,
    );
    return `## ${family}\n\n${families[family]}\n\n| code | meaning | what to do | tried again by itself | effect on the wave | exit |\n|---|---|---|---|---|---|\n${lines.join('\n')}\n`;
  });
  return `# Error codes

<!-- Made by "npm run docs" from src/domain/error-codes.ts; do not edit. -->

Everything expected that goes wrong has a code. It is the \`code\` of a \`FlotillaError\`, the \`error.code\` of a JSON document, the type of a
failure in Temporal, and the code of a tenant's outcome. Codes are never reused. Messages hold no connection string, no parameter and no row of
tenant data.

\`exit\` is the command line's exit code when the error ends a command (see [cli.md](cli.md#exit-codes)).

${sections.join('\n')}`;
}
