/**
 * What `--json` prints: one schema per kind of document. Readers must ignore fields they do not know; fields are only ever added within a
 * schema version. `docs/json.md` is made from this file and compared by a test.
 */

import { z } from 'zod';
import { CHANGE_STATES } from '../domain/change-standing.js';
import { GATE_PHASES } from '../domain/gates.js';
import { PHASES } from '../domain/phases.js';
import { ROLLOUT_STATES } from '../domain/rollout/contract.js';
import { TENANT_STATES } from '../domain/tenant.js';

const time = z.string().describe('RFC 3339, UTC');
const count = z.int().min(0);
const durationMs = z.number().min(0).describe('milliseconds');
const totals = z
  .object(Object.fromEntries(TENANT_STATES.map((state) => [state, count])) as Record<(typeof TENANT_STATES)[number], typeof count>)
  .describe('tenants per state; every key is always there');
const rolloutState = z.enum(ROLLOUT_STATES);
const tenantState = z.enum(TENANT_STATES);
const next = z.array(z.object({ command: z.string(), why: z.string() })).describe('commands that fit the situation, most useful first');

export const errorPart = z.object({
  code: z.string().describe('FLT_…, see errors.md'),
  message: z.string(),
  remedy: z.string(),
  retryable: z.boolean().describe('repeating the same command is safe and may succeed'),
  details: z.record(z.string(), z.unknown()),
});

const base = {
  schemaVersion: z.literal(1),
  fleet: z.string().nullable().describe('null when the config could not be read'),
  at: time.describe('when this document was made; RFC 3339, UTC'),
  rolloutId: z.string().optional(),
  planId: z.string().optional(),
  error: errorPart.optional().describe('what went wrong; then the other fields of the kind may be missing'),
};

const finding = z.object({
  severity: z.enum(['error', 'warning', 'info']),
  code: z.string(),
  message: z.string(),
  remedy: z.string().optional(),
  migration: z.string().optional(),
  tenants: count.optional(),
  sample: z.array(z.string()).optional(),
  table: z.string().optional().describe('of FLT_BULK_WRITE: the table that is written'),
  rows: count.optional().describe('about how many rows that table holds, where it holds most'),
});

const canary = z.object({ tenant: z.string(), host: z.string(), reason: z.string() });

const operation = z.enum(['migrate', 'backfill']);

export const planDocument = z.object({
  ...base,
  kind: z.literal('plan'),
  digest: z.string().describe('of the frozen plan; approvals name it'),
  environment: z.string(),
  operation: operation.describe('backfill: the backfill of one applied migration, and nothing else'),
  strategy: z.string(),
  to: z.string().describe('newest migration that every tenant will stand at; operation backfill: the one whose backfill is run'),
  frozen: z.boolean().describe('false: nothing to do, an error finding, or --check'),
  hosts: count,
  cells: z.array(z.string()),
  totals: z.object({ tenants: count, pending: count, upToDate: count, excluded: count, blocked: count }),
  migrations: z.array(
    z.object({
      name: z.string(),
      checksum: z.string(),
      transactional: z.boolean(),
      appliedBefore: count,
      reversible: z.object({ verdict: z.enum(['expected', 'notAsOne', 'no']), code: z.string().optional(), why: z.string().optional() }),
    }),
  ),
  waves: z.array(
    z.object({
      index: count,
      name: z.string(),
      canary: z.boolean(),
      tenants: count,
      hosts: count,
      perHost: z.array(z.object({ host: z.string(), cell: z.string(), tenants: count, window: count, limit: count })),
      canaries: z.array(canary),
      maxFailures: count,
      maxConcurrency: count,
      worstCaseFailures: count.describe('the most that can fail before a halt takes hold'),
      bakeMs: durationMs,
      approval: z.boolean(),
    }),
  ),
  gates: z
    .array(
      z.object({
        name: z.string(),
        type: z.enum(['builtin', 'sql', 'prometheus', 'http', 'contract']),
        scope: z.enum(['host', 'fleet']).describe('asked on every host of a wave, or once'),
        phases: z.array(z.enum(GATE_PHASES)),
        when: z.enum(['above', 'below']).describe('which side of a limit is bad'),
        throttle: z.number().optional(),
        abort: z.number().optional(),
        dryRun: z.boolean().describe('shown, and acts on nothing'),
        off: z
          .array(z.object({ host: z.string().optional(), why: z.string() }))
          .describe('where it could not be read; without a host: everywhere'),
      }),
    )
    .describe('what the rollout looks at'),
  findings: z.array(finding),
  onBreach: z.enum(['rollbackWave', 'rollbackRollout', 'halt', 'continue']),
  durationMs,
  next,
});

const reason = z.object({
  kind: z.string(),
  text: z.string(),
  clears: z.enum(['person', 'itself']),
  since: time.optional(),
  until: time.optional(),
  host: z.string().optional(),
  cell: z.string().optional(),
});

/** One tenant's, or all of them together. */
const filled = {
  rows: z.number().nullable().describe('to pass over; null: not known yet'),
  exact: z.boolean().describe("false: the statistics' estimate"),
  visited: z.number(),
  written: z.number(),
  share: z.number().min(0).max(1).nullable(),
  rowsPerSecond: z.number().min(0),
  etaMs: z.number().nullable(),
};
const filledOfTenant = {
  pass: count.describe('above 1: catching up'),
  ...filled,
  waiting: z.string().nullable().describe('why it stands still for now'),
};
const backfill = z.object({
  migration: z.string(),
  tenants: count.describe('that have begun'),
  done: count,
  ...filled,
  running: z
    .array(
      z.object({
        tenant: z.string(),
        host: z.string(),
        ...filledOfTenant,
      }),
    )
    .describe('at most 10, those with the most left first'),
});

const rolloutPart = {
  state: rolloutState.nullable().describe('null: there is no rollout'),
  open: z.boolean(),
  needsPerson: z.boolean().describe('open, and nothing goes on until a person acts'),
  actor: z.string().nullable().describe('who started it; self-reported'),
  reasons: z.array(reason).describe('why it is not moving; empty when it moves'),
  totals,
  waves: z.array(
    z.object({
      index: count,
      name: z.string(),
      direction: z.enum(['up', 'down']),
      state: z.string(),
      tenants: count,
      hosts: count,
      totals,
      maxFailures: count,
      maxConcurrency: count,
      inFlight: count,
      silentHosts: z.array(z.object({ host: z.string(), since: time, code: z.string() })),
      canaries: z.array(canary).optional().describe('known when this command planned the rollout'),
    }),
  ),
  failures: z
    .array(z.object({ code: z.string(), count, tenants: z.array(z.string()).describe('up to 5'), sample: z.string(), remedy: z.string() }))
    .describe('grouped by error code'),
  failuresTotal: count.describe('never decreases; retried successes stay in it'),
  startedAt: time.nullable(),
  finishedAt: time.nullable(),
  durationMs,
  tenantsPerSecond: z.number().nullable(),
  etaMs: z.number().nullable().describe('without bakes and pauses still to come'),
  sweepFindings: z.array(finding).optional().describe('what the catch-up sweeps came upon'),
  approval: z.object({ wave: z.string(), digest: z.string(), expiresAt: time }).optional(),
  rollback: z
    .object({
      scope: z.enum(['wave', 'rollout']),
      automatic: z.boolean(),
      refused: z.array(z.object({ migration: z.string(), code: z.string(), why: z.string() })),
      failed: z.array(z.object({ tenant: z.string(), code: z.string() })),
    })
    .optional(),
  operation: operation.describe('migrate: all that is pending; backfill: one backfill, run again'),
  rollbackOf: z.string().optional().describe('the closed rollout that this one takes back'),
  backfillOf: z.string().optional().describe('the migration whose backfill is all that it runs'),
  gateReadings: z
    .object({
      passing: count,
      others: z.array(
        z.object({
          gate: z.string(),
          host: z.string().optional().describe('missing: of the whole fleet'),
          verdict: z.string().optional().describe('missing: not known yet'),
          since: time,
          value: z.number().optional(),
          text: z.string().optional(),
          idle: z.enum(['dryRun', 'skipped']).optional().describe('shown, and acts on nothing'),
        }),
      ),
    })
    .optional()
    .describe('while it is open: how many gates pass, and those that do not simply pass'),
  speed: z
    .object({ maxConcurrency: count.optional(), perHost: count.optional() })
    .optional()
    .describe('what an operator has set with `speed`'),
  backfills: z
    .array(backfill)
    .optional()
    .describe('how far the backfills of the open wave have come, in the tenants that have begun; operation backfill: of all waves'),
  sweeps: count.optional().describe('looks so far for tenants that came or changed meanwhile'),
  url: z.string().nullable().describe('in the Temporal UI'),
  terminated: z.boolean().optional().describe('ended by Terminate in Temporal'),
  source: z
    .enum(['workflow', 'result', 'control', 'temporal', 'plan'])
    .describe('where this was read; temporal = nobody answered, counts unknown'),
  next,
};

export const startDocument = z.object({
  ...base,
  kind: z.literal('start'),
  outcome: z.enum(['started', 'alreadyStarted', 'nothingToDo', 'declined']),
  ...rolloutPart,
  findings: z.array(finding).optional(),
});
export const waitDocument = z.object({
  ...base,
  kind: z.literal('wait'),
  why: z.enum(['ended', 'needsPerson', 'timedOut']),
  ...rolloutPart,
});

const blocker = z.object({ pid: z.int(), applicationName: z.string(), state: z.string(), xactAgeMs: durationMs });
const tenant = z.object({
  id: z.string(),
  host: z.string(),
  database: z.string().optional(),
  schema: z.string().optional(),
  applied: z.string().nullable().optional().describe('newest applied migration'),
  pending: count.optional(),
  state: tenantState,
  wave: z.int().optional(),
  code: z.string().optional(),
  message: z.string().optional(),
});

export const statusDocument = z.object({
  ...base,
  kind: z.literal('status'),
  seq: count.optional().describe('with --watch: counts the lines'),
  ...rolloutPart,
  tenants: z.array(tenant).optional().describe('with --tenants'),
});
export const tenantDocument = z.object({
  ...base,
  kind: z.literal('tenant'),
  tenant: tenant.extend({
    blockers: z.array(blocker),
    backfill: z
      .object({ migration: z.string(), ...filledOfTenant })
      .optional()
      .describe('that it has begun and not come to the end of'),
  }),
});
export const steerDocument = z.object({
  ...base,
  kind: z.literal('steer'),
  verb: z.string(),
  accepted: z.boolean(),
  pending: z.boolean().describe('handed in, not answered yet'),
  state: rolloutState.nullable(),
  message: z.string(),
  moved: count.optional().describe('abort: tenants that this rollout has moved, and that stay so'),
  untouched: count.optional().describe('abort: tenants that were not touched'),
  next,
});
const refusedMigration = z.object({ migration: z.string(), code: z.string(), why: z.string() });
export const rollbackPreviewDocument = z.object({
  ...base,
  kind: z.literal('rollbackPreview'),
  refused: z.array(refusedMigration).describe('unless it is forced, nothing at all would be reverted because of these'),
  tenants: count.describe('that the rollout is known to have dispatched, and that are not back'),
  lookedAt: count.describe('whose own ledgers and tables were read'),
  groups: z
    .array(
      z.object({
        tenants: count,
        sample: z.array(z.string()).describe('up to 5'),
        reverts: z.array(z.string()).describe('migrations that would be taken back, newest first'),
        refused: refusedMigration.optional().describe('what would stop it there; what lies below stays'),
      }),
    )
    .describe('tenants with the same answer, most tenants first, up to 50'),
  more: count.describe('tenants in groups beyond those'),
  unknown: z.array(z.string()).describe('what this cannot tell'),
});
export const explainDocument = z.object({
  ...base,
  kind: z.literal('explain'),
  state: rolloutState.nullable().describe('null: there is no rollout'),
  open: z.boolean(),
  needsPerson: z.boolean(),
  reasons: z.array(reason.extend({ sentence: z.string().describe('the reason with who can change it') })).describe('empty when it moves'),
  next,
});
export const tenantsDocument = z.object({
  ...base,
  kind: z.literal('tenants'),
  totals: z.object({ tenants: count, pending: count, upToDate: count, excluded: count, blocked: count }),
  findings: z.array(finding),
  tenants: z.array(tenant),
});
export const readyDocument = z.object({
  ...base,
  kind: z.literal('ready'),
  migration: z.string(),
  tenant: z.string().optional(),
  ready: z.boolean(),
  missing: count,
  sample: z.array(z.string()),
});
export const phasesDocument = z.object({
  ...base,
  kind: z.literal('phases'),
  tenant: z.string().optional(),
  changes: z.array(
    z.object({
      name: z.string().describe('its first migration'),
      state: z.enum(CHANGE_STATES),
      upNext: z.string().optional().describe('the migration that the fleet lacks next; missing: it is done'),
      migrations: z
        .array(
          z.object({
            name: z.string(),
            phase: z.enum(PHASES).optional(),
            has: count.describe('active tenants that have it'),
            lacks: count,
            sample: z.array(z.string()).describe('up to 5 who lack it'),
            tenantHas: z.boolean().optional().describe('of the tenant that was asked for'),
          }),
        )
        .describe('oldest first'),
      blockedBy: z.array(finding).describe('what stands in the way of the next one'),
      next,
    }),
  ),
});
export const historyDocument = z.object({
  ...base,
  kind: z.literal('history'),
  rollouts: z.array(
    z.object({
      rolloutId: z.string(),
      planId: z.string(),
      requestId: z.string(),
      state: rolloutState,
      actor: z.string(),
      reason: z.string().optional(),
      to: z.string().describe('newest migration of its plan; of a rollback the one that stays, or empty'),
      operation,
      rollbackOf: z.string().optional().describe('the closed rollout that it took back'),
      backfillOf: z.string().optional().describe('the migration whose backfill was all that it ran'),
      startedAt: time,
      finishedAt: time.optional(),
      totals,
    }),
  ),
  nextPage: z.string().optional().describe('for --after'),
});
export const auditDocument = z.object({
  ...base,
  kind: z.literal('audit'),
  events: z.array(
    z.object({
      at: time,
      actor: z.string().describe('self-reported'),
      verb: z.string(),
      reason: z.string().optional(),
      subject: z.string().optional(),
      rolloutId: z.string().optional(),
      requestId: z.string(),
    }),
  ),
  nextPage: z.string().optional().describe('for --after'),
});
export const doctorDocument = z.object({
  ...base,
  kind: z.literal('doctor'),
  ok: z.boolean(),
  checks: z.array(z.object({ name: z.string(), ok: z.boolean(), detail: z.string(), remedy: z.string().optional() })),
});
export const repairDocument = z.object({
  ...base,
  kind: z.literal('repair'),
  migration: z.string(),
  checksum: z.string().describe('SHA-256 of the file as it stands'),
  outcome: z.enum(['accepted', 'acceptedBefore', 'nothingDrifted']),
  tenants: count.describe('that applied it from another source'),
  sample: z.array(z.string()),
  before: z.object({ actor: z.string(), at: time, reason: z.string().optional() }).optional().describe('who accepted it earlier'),
  findings: z.array(finding).describe('what else stands in the way of a plan'),
});
const tendPart = {
  counts: z
    .object({ tenants: count, done: count, unchanged: count, skipped: count, refused: count, unreached: count })
    .describe('of the tenants that were selected; skipped: not active'),
  left: z
    .array(
      z.object({
        outcome: z.enum(['refused', 'unreached']),
        code: z.string(),
        count,
        tenants: z.array(z.string()).describe('up to 20'),
        sample: z.string().describe('what was said of the first'),
      }),
    )
    .describe('tenants that were left alone, grouped by error code'),
};
export const baselineDocument = z.object({
  ...base,
  kind: z.literal('baseline'),
  migration: z.string().describe('that the tenants stand at'),
  dryRun: z.boolean().describe('nothing was written'),
  ...tendPart,
  groups: z
    .array(z.object({ fingerprint: z.string(), tenants: count, sample: z.array(z.string()).describe('up to 5') }))
    .describe('marked tenants by structure, most tenants first, up to 50'),
  moreGroups: z.object({ groups: count, tenants: count }).describe('structures beyond those'),
});
export const adoptDocument = z.object({
  ...base,
  kind: z.literal('adopt'),
  ...tendPart,
  told: z.array(z.string()).describe('what the first 20 were before'),
});
export const refreshDocument = z.object({
  ...base,
  kind: z.literal('refresh'),
  totals: z.object({ tenants: count, pending: count, upToDate: count, excluded: count, blocked: count }),
  rebuilt: z.object({ rollouts: count, tenants: count }).describe('rebuilt rollouts on record now, and their tenants'),
  ...tendPart,
  findings: z.array(finding),
});
export const ejectDocument = z.object({ ...base, kind: z.literal('eject'), ...tendPart, told: z.array(z.string()) });
export const validateDocument = z.object({
  ...base,
  kind: z.literal('validate'),
  migration: z.string().optional().describe('missing: every one that declares checks'),
  counts: z
    .object({ tenants: count, passed: count, failed: count, unchecked: count, unasked: count })
    .describe('unchecked: not active, or without a migration that declares checks; unasked: see left'),
  checks: count.describe('that were made, over all tenants'),
  failed: z
    .array(
      z.object({
        migration: z.string(),
        check: z.string(),
        count,
        tenants: z.array(z.string()).describe('up to 20'),
        sample: z.string().describe('what is wrong in the first'),
      }),
    )
    .describe('tenants that do not pass, grouped by check'),
  left: tendPart.left.describe('tenants whose checks could not be made, grouped by error code'),
  findings: z.array(finding),
});
const hold = z.object({
  actor: z.string().describe('self-reported'),
  reason: z.string(),
  since: time,
  until: time.optional().describe('missing: until somebody ends it'),
});
export const freezeDocument = z.object({
  ...base,
  rolloutId: z.string().optional().describe('the open rollout that was told'),
  kind: z.literal('freeze'),
  freeze: hold.nullable().describe('null: the fleet is not frozen'),
});
export const pinDocument = z.object({
  ...base,
  rolloutId: z.string().optional().describe('the open rollout that was told'),
  kind: z.literal('pin'),
  pins: z.array(hold.extend({ tenant: z.string() })).describe('everybody who is pinned now, by id'),
  changed: z.array(z.string()).describe('pin: who was named; unpin: who was let go'),
});
export const migrateDocument = z.object({
  ...base,
  kind: z.literal('migrate'),
  tenant: z.string(),
  outcome: z.enum(['applied', 'upToDate']),
  migrations: z.array(z.string()).describe('that it got now, oldest first'),
  findings: z.array(finding).describe('also a contract that the fleet is not ready for, and that it therefore did not get'),
  durationMs,
});
/** A failure before the verb could begin: usage, config. */
export const errorDocument = z.object({ ...base, kind: z.literal('error'), error: errorPart });

export const DOCUMENTS = {
  plan: planDocument,
  start: startDocument,
  wait: waitDocument,
  status: statusDocument,
  tenant: tenantDocument,
  steer: steerDocument,
  rollbackPreview: rollbackPreviewDocument,
  explain: explainDocument,
  tenants: tenantsDocument,
  ready: readyDocument,
  phases: phasesDocument,
  history: historyDocument,
  audit: auditDocument,
  doctor: doctorDocument,
  repair: repairDocument,
  baseline: baselineDocument,
  adopt: adoptDocument,
  refresh: refreshDocument,
  eject: ejectDocument,
  validate: validateDocument,
  freeze: freezeDocument,
  pin: pinDocument,
  migrate: migrateDocument,
  error: errorDocument,
} as const;
export type DocumentKind = keyof typeof DOCUMENTS;
export type DocumentOf<K extends DocumentKind> = z.infer<(typeof DOCUMENTS)[K]>;
