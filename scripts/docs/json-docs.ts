/** docs/json.md, from the schemas of `src/client/documents.ts`. */

import { z } from 'zod';
import { DOCUMENTS, type DocumentKind } from '../../src/client/documents.js';

const about: Record<DocumentKind, string> = {
  plan: 'Printed by `plan`.',
  start: 'Printed by `start`. Without `--wait` it is the first reading; with it, the last.',
  wait: 'Printed by `wait`.',
  status:
    'Printed by `status`; with `--watch` one document per change and line, with `seq`. `start --watch` prints such lines too, then a `start`.',
  tenant: 'Printed by `status --tenant T`.',
  steer: 'Printed by `pause resume approve reject skip retry speed abort rollback`.',
  rollbackPreview: 'Printed by `rollback --dry-run`.',
  explain: 'Printed by `explain`.',
  tenants: 'Printed by `tenants`.',
  ready: 'Printed by `ready`.',
  phases: 'Printed by `phases`.',
  history: 'Printed by `history`.',
  audit: 'Printed by `audit`.',
  doctor: 'Printed by `doctor`.',
  repair: 'Printed by `repair`.',
  baseline: 'Printed by `baseline`.',
  adopt: 'Printed by `adopt`.',
  refresh: 'Printed by `refresh`.',
  eject: 'Printed by `eject`.',
  validate: 'Printed by `validate`.',
  freeze: 'Printed by `freeze`.',
  pin: 'Printed by `pin` and `unpin`.',
  migrate: 'Printed by `migrate`.',
  error: 'Printed when a verb could not begin: usage, config.',
};

export function jsonDocs(): string {
  const kinds = Object.keys(DOCUMENTS) as DocumentKind[];
  const sections = kinds.map((kind) => {
    const schema = z.toJSONSchema(DOCUMENTS[kind], { io: 'input', reused: 'inline' });
    return `## ${kind}\n\n${about[kind]}\n\n\`\`\`json\n${JSON.stringify(schema, null, 1)}\n\`\`\`\n`;
  });
  return `# JSON documents

<!-- Made by "npm run docs" from src/client/documents.ts; do not edit. -->

With \`--json\` (or \`--output json\`) every verb prints one document on stdout; \`--watch --json\` prints one per line. The exit code says the
same as without \`--json\` (see [cli.md](cli.md#exit-codes)).

- \`schemaVersion\` is 1. Fields are only added within a version: ignore those you do not know.
- Times are RFC 3339 in UTC. Numbers carry their unit in the name (\`durationMs\`). Ids are opaque and sort by time.
- When something went wrong the document has \`error\` (\`code\`, \`message\`, \`remedy\`, \`retryable\`, \`details\`; codes in
  [errors.md](errors.md)), and may lack the other fields of its kind.
- \`totals\` has one key per tenant state, always all of them.

Kinds: ${kinds.map((kind) => `[\`${kind}\`](#${kind})`).join(', ')}.

${sections.join('\n')}`;
}
