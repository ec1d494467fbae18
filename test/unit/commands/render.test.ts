import { expect, it } from 'vitest';
import { clip, duration, wrap } from '../../../src/commands/render/format.js';
import { renderAudit, renderDoctor, renderHistory, renderSteer, renderTenant } from '../../../src/commands/render/lists.js';
import { renderPhases } from '../../../src/commands/render/phases.js';
import { renderPlan } from '../../../src/commands/render/plan.js';
import { renderPreview } from '../../../src/commands/render/preview.js';
import { drawBar, renderExplain, renderRollout } from '../../../src/commands/render/rollout.js';
import { plain } from '../../../src/commands/render/style.js';
import { renderAdopted, renderBaseline, renderEjected, renderRefresh, renderRepair } from '../../../src/commands/render/truth.js';
import { renderValidate } from '../../../src/commands/render/validate.js';
import { contractGates } from '../../../src/domain/planned-gates.js';
import { limitsOf } from '../../../src/domain/rollback-preview.js';
import {
  START,
  sampleBaseline,
  sampleGate,
  samplePlan,
  sampleRefresh,
  sampleRepair,
  sampleRunning,
  sampleStatus,
  sampleValidate,
  totals,
} from '../client/samples.js';

const style = plain(80);

it('shows a plan', () => {
  expect(renderPlan(samplePlan(), style)).toMatchInlineSnapshot(`
    "shop · production · plan p-01k9q4 · digest 7f3a91c2
    3,912 of 4,000 tenants pending on 20 hosts (88 up to date)

    MIGRATIONS              BEFORE  ROLLS BACK
    20261120_orders_tax          0  expected; proven by the canaries
    20261121_orders_tax_ix      12  step by step, not as one
    20261122_drop_legacy         0  no: it has no down

    WAVE    TENANTS  HOSTS  AT ONCE  PER HOST  MAY FAIL          BAKE
    canary       20      1        1         1  0 (at most 1*)    10m
    rest      3,892      1       50         4  38 (at most 88*)  2m
    * failures possible before a halt takes hold: allowed + in flight

    CANARIES
    pg-eu-1   acme      largest of its host
    pg-eu-2   umbrella  only tenant still on Postgres 15

    FINDINGS
    warning FLT_NO_DOWN  20261122_drop_legacy
            a rollback of this rollout will be refused
            do: Write a down.

    ON BREACH  roll the wave back, where every migration can be taken back; else
               halt
    NEXT       flotilla start p-01k9q4
    "
  `);
});

it('says in one line that nothing is to do', () => {
  const plan = samplePlan({
    totals: { tenants: 10_000, pending: 0, upToDate: 10_000, excluded: 0, blocked: 0 },
    findings: [],
    frozen: false,
  });
  expect(renderPlan(plan, style)).toMatchInlineSnapshot(`
    "shop: 10,000 tenants on 20 hosts are up to date with 20261121_orders_tax_ix
      (checked in 2.4s)
    "
  `);
});

it('shows a running rollout', () => {
  expect(renderRollout(sampleStatus(), style)).toMatchInlineSnapshot(`
    "shop r-01k9q7  running  wave 2 of 3: 25%  12m 40s, about 1h 12m left
    applied 553   up to date 88   running 50   pending 3,107   deferred 5   failed 2
    0.7 tenants/s

    canary  ████████████████████  20/20  applied 20
    25%     ██████████░░░░░░░░░░  535/978  may fail 9, 2 did   applied 533   deferr…
    rest    ░░░░░░░░░░░░░░░░░░░░  0/2,719

    FAILED 2
      FLT_UNIQUE_VIOLATION  2  (acme-eu, globex)
        orders_tax_uq: existing rows break the constraint
        do: Mend the rows, then retry.

    YOU CAN
      flotilla status --watch           follow it
      flotilla status --tenant acme-eu  look at one of them
      flotilla pause --reason '…'       stop taking up tenants
    "
  `);
});

it('shows why a rollout halted, why it was not rolled back, and what to type', () => {
  const at = sampleStatus({
    state: 'halted',
    reasons: [{ kind: 'budget', text: 'wave "25%": 10 failed, 9 allowed', clears: 'person' }],
    rollback: {
      scope: 'wave',
      automatic: true,
      refused: [
        {
          migration: '20261119_drop_legacy',
          code: 'FLT_IRREVERSIBLE',
          why: 'its up removed column legacy_total; no rehearsal proved the return exact',
        },
      ],
      failed: [],
    },
  });
  expect(renderRollout(at, style)).toMatchInlineSnapshot(`
    "shop r-01k9q7  halted  wave 2 of 3: 25%  12m 40s
    applied 553   up to date 88   running 50   pending 3,107   deferred 5   failed 2
    0.7 tenants/s

    canary  ████████████████████  20/20  applied 20
    25%     ██████████░░░░░░░░░░  535/978  may fail 9, 2 did   applied 533   deferr…
    rest    ░░░░░░░░░░░░░░░░░░░░  0/2,719

    WHY
      budget     wave "25%": 10 failed, 9 allowed

    WHY NOT ROLLED BACK BY ITSELF
      20261119_drop_legacy: its up removed column legacy_total; no rehearsal proved
        the return exact (FLT_IRREVERSIBLE)

    FAILED 2
      FLT_UNIQUE_VIOLATION  2  (acme-eu, globex)
        orders_tax_uq: existing rows break the constraint
        do: Mend the rows, then retry.

    YOU CAN
      flotilla status --tenant acme-eu             look at one of them
      flotilla retry --error FLT_UNIQUE_VIOLATION  after the cause is mended; one tenant is tried first
      flotilla resume --accept-failures 2          go on; the failed ones stay parked
      flotilla rollback --force --reason '…'       return what can be returned, accepting the loss
      flotilla rollback --dry-run                  what would come back, and what is refused
      flotilla abort --reason '…'                  stop here; nothing is undone
    "
  `);
});

it('shows gates that do not pass, what an operator has set, and windows', () => {
  const at = sampleStatus({
    state: 'paused',
    failures: [],
    reasons: [{ kind: 'window', text: '61 tenants wait for their window', clears: 'itself', untilMs: START + 3_600_000 }],
    gates: {
      passing: 118,
      others: [
        { gate: 'lockWaits', host: 'pg-eu-1', verdict: 'throttle', sinceMs: START, text: '7 is above 5' },
        { gate: 'errors', verdict: 'error', sinceMs: START, text: 'no answer', idle: 'skipped' },
      ],
    },
    speed: { maxConcurrency: 10, perHost: 2 },
    sweeps: 1,
  });
  const text = renderRollout(at, style);
  expect(text).toContain('window     61 tenants wait for their window (clears by itself');
  expect(text).toContain('GATES  118 pass\n  lockWaits on pg-eu-1  throttle: 7 is above 5\n  errors  error: no answer (skipped)');
  expect(text).toContain('SPEED  10 at once, 2 per host (flotilla speed)');
  expect(text).toContain('SWEEPS  1 look for tenants');
});

it('says what a rollback would do, and what that does not tell', () => {
  const text = renderPreview(
    {
      rolloutId: 'r-1',
      refused: [],
      tenants: 700,
      lookedAt: 500,
      groups: [
        { tenants: 499, sample: ['a', 'b'], reverts: ['02_b', '01_a'] },
        {
          tenants: 1,
          sample: ['x'],
          reverts: ['02_b'],
          refused: { migration: '01_a', code: 'FLT_REVERT_REMOVES_DATA', why: 'rows were written since into notes' },
        },
      ],
      more: 0,
      unknown: limitsOf({ tenants: 700, lookedAt: 500 }),
    },
    style,
  );
  expect(text).toContain('499  (a, b, …)\n    takes back 02_b, 01_a');
  expect(text).toContain('stops at 01_a: rows were written since into notes (FLT_REVERT_REMOVES_DATA)');
  expect(text).toContain('200 of 700 tenants were not looked at');
});

it('explains each reason with who can change it', () => {
  const reasons = [{ kind: 'operator', text: 'ana paused it', clears: 'person' }] as const;
  expect(renderExplain(sampleStatus({ state: 'paused', reasons }), style)).toContain('operator: ana paused it (an operator: resume)');
  expect(renderExplain(sampleStatus({ reasons: [] }), style)).toContain('Nothing holds it up.');
  expect(renderExplain(null, style)).toContain('never had a rollout');
});

it('shows how a rollout ended', () => {
  const at = sampleStatus({
    state: 'succeeded',
    totals: totals({ applied: 3908, upToDate: 88, skipped: 4 }),
    failures: [],
    waves: [],
    finishedAtMs: START + 1_623_000,
  });
  expect(renderRollout(at, style)).toMatchInlineSnapshot(`
    "shop r-01k9q7  succeeded in 27m 3s  2026-11-23 13:07 UTC
    applied 3,908   up to date 88   skipped 4   2.4 tenants/s

    NEXT
      flotilla history                         see past rollouts
      flotilla rollback r-01k9q7 --reason '…'  a new rollout returns the tenants to where this one found them
    "
  `);
});

it('fits one screen at 10,000 tenants, and 80 columns but for commands to paste', () => {
  const plan = samplePlan({
    migrations: Array.from({ length: 60 }, (_, i) => ({ ...samplePlan().migrations[0]!, name: `20260101000${i}_${'x'.repeat(80)}` })),
    waves: samplePlan().waves.map((wave) => ({
      ...wave,
      canaries: Array.from({ length: 20 }, (_, i) => ({
        tenant: `tenant-${i}-${'y'.repeat(60)}`,
        host: 'pg-eu-1',
        reason: 'z'.repeat(120),
      })),
    })),
    findings: Array.from({ length: 40 }, () => ({
      severity: 'error' as const,
      code: 'FLT_SCHEMA_MISSING',
      message: `the schema is missing `.repeat(9),
      sample: ['a', 'b'],
    })),
  });
  const text = renderPlan(plan, style);
  expect(text.split('\n').length).toBeLessThan(80);
  for (const line of text.split('\n')) expect([...line].length, line).toBeLessThanOrEqual(80);
  const failures = Array.from({ length: 30 }, (_, i) => ({
    code: `FLT_${i}`,
    count: 300,
    tenants: ['a', 'b', 'c', 'd', 'e'],
    sample: 'long '.repeat(80),
  }));
  const status = renderRollout(sampleStatus({ state: 'halted', failures }), style);
  expect(status.split('\n').length).toBeLessThan(60);
});

it('lets no control character of a tenant id reach the terminal', () => {
  const text = renderRollout(
    sampleStatus({ failures: [{ code: 'FLT_SQL_ERROR', count: 1, tenants: ['\u001b[31mevil\n'], sample: 'a\u001b]0;x\u0007b' }] }),
    style,
  );
  expect(text.replace(/\n/g, '')).not.toMatch(/\p{Cc}/u);
});

it.each([
  [0, 10, '░░░░░░░░░░░░░░░░░░░░'],
  [1, 10_000, '█░░░░░░░░░░░░░░░░░░░'],
  [5, 10, '██████████░░░░░░░░░░'],
  [9_999, 10_000, '███████████████████░'],
  [10, 10, '████████████████████'],
  [0, 0, '░░░░░░░░░░░░░░░░░░░░'],
])('draws %d of %d', (done, of, bar) => expect(drawBar(done, of)).toBe(bar));

it.each([
  [0, '0ms'],
  [850, '850ms'],
  [2_400, '2.4s'],
  [59_600, '1m'],
  [1_623_000, '27m 3s'],
  [11_520_000, '3h 12m'],
])('writes %d ms as %s', (ms, text) => expect(duration(ms)).toBe(text));

it('cuts by characters, not in the middle of one', () => {
  expect(clip('日本語のテナント', 5)).toBe('日本語の…');
  expect(clip('short', 5)).toBe('short');
});

it('wraps at spaces and indents what follows', () => expect(wrap('aa bb cc dd', 5, '  ')).toBe('aa bb\n  cc dd'));

it('shows the reading verbs as tables', () => {
  const rollout = {
    rolloutId: 'r-1',
    planId: 'p-1',
    requestId: 'q-1',
    state: 'succeeded',
    actor: 'ana',
    to: 'm',
    startedAt: '2026-11-23T12:00:00Z',
    finishedAt: '2026-11-23T12:01:30Z',
    totals: totals({ applied: 12, upToDate: 3 }),
  } as const;
  expect(renderHistory([rollout], style)).toMatchInlineSnapshot(`
    "ROLLOUT  STARTED (UTC)       TOOK  STATE      BY   TENANTS
    r-1      2026-11-23 12:00  1m 30s  succeeded  ana  applied 12   up to date 3
    "
  `);
  expect(renderHistory([], style)).toMatchInlineSnapshot(`
    "No rollout yet. Begin with "flotilla plan".
    "
  `);
  expect(
    renderAudit([{ at: '2026-11-23T12:00:00Z', actor: 'ana', verb: 'pause', reason: 'looking at the dashboards', requestId: 'q' }], style),
  ).toMatchInlineSnapshot(`
    "AT (UTC)             WHO (says)  VERB   ABOUT  WHY
    2026-11-23 12:00:00  ana         pause         looking at the dashboards
    "
  `);
  expect(
    renderDoctor(
      [
        { name: 'temporal', ok: true, detail: '127.0.0.1:7233, namespace default' },
        { name: 'workers', ok: false, detail: 'none', remedy: 'Start one.' },
      ],
      style,
    ),
  ).toMatchInlineSnapshot(`
    "ok    temporal             127.0.0.1:7233, namespace default
    FAIL  workers              none
                               do: Start one.
    "
  `);
  expect(
    renderTenant(
      {
        id: 'acme',
        host: 'pg-eu-1',
        schema: 'tenant_acme',
        state: 'deferred',
        code: 'FLT_LOCK_TIMEOUT',
        message: 'orders was locked',
        rolloutId: 'r-1',
        wave: 1,
        blockers: [{ pid: 4242, applicationName: 'etl', state: 'idle in transaction', xactAgeMs: 2_280_000 }],
      },
      style,
    ),
  ).toMatchInlineSnapshot(`
    "acme  deferred  FLT_LOCK_TIMEOUT
      lives      pg-eu-1 / tenant_acme
      rollout    r-1, wave 1
      message    orders was locked
      blocked by pid 4242 "etl", idle in transaction, transaction open for 38m
    "
  `);
  expect(
    renderSteer(
      'pause',
      { rolloutId: 'r-1', accepted: true, pending: false, state: 'draining', message: '4 tenants in hand finish first.', next: [] },
      style,
    ),
  ).toMatchInlineSnapshot(`
    "pause r-1  accepted; now draining
    4 tenants in hand finish first.
    "
  `);
});

it('shows who was marked, and the odd ones out', () => {
  expect(renderBaseline(sampleBaseline(), style)).toMatchInlineSnapshot(`
    "310 of 315 tenants marked as standing at 20261120_orders_tax (1 stood there
    already, 1 not active, 2 refused, 1 not reached)

    STRUCTURE         TENANTS
    3f2a91c2d4e5f607      308  a, b, c, d, e, …
    9b1c000000000000        2  umbrella, wayne
    "
  `);
  expect(renderBaseline(sampleBaseline({ dryRun: true }), style)).toContain('would be marked');
});

it('shows what was adopted, ejected, rebuilt and accepted', () => {
  const before = { actor: 'ana', at: '2026-11-23T12:52:07Z', reason: 'comments only' };
  const shown = [
    renderAdopted(sampleBaseline(), style),
    renderEjected(sampleBaseline(), style),
    renderRefresh(sampleRefresh(), style),
    renderRepair(sampleRepair(), style),
    renderRepair(sampleRepair({ outcome: 'acceptedBefore', findings: [], before }), style),
    renderRepair(sampleRepair({ outcome: 'nothingDrifted', findings: [] }), style),
  ].join('---\n');
  expect(shown).toMatchInlineSnapshot(`
    "310 of 315 tenants adopted (1 left as they were, 1 not active, 2 refused, 1 not
    reached)
      acme: was tenant "globex", copied.
    ---
    310 of 315 tenants without Flotilla's tables now (1 had none, 1 not active, 2
    refused, 1 not reached)
    ---
    4,000 tenants on record: 3,980 up to date, 12 pending, 8 held back
    3 rollouts rebuilt from ledgers, with 9,120 tenants' outcomes
    ---
    accepted for 20261120_orders_tax: the file as it now stands (sha256
    aaaaaaaaaaaa); 312 tenants applied it from another source (acme, globex, …)

    FINDINGS
    error   FLT_SCHEMA_MISSING  1 tenant (lost)
            gone
    ---
    nothing has drifted: the file as it now stands (sha256 aaaaaaaaaaaa) was
    accepted for 20261120_orders_tax by ana on 2026-11-23 12:52:07 UTC: comments
    only
    ---
    nothing has drifted, and nothing was stored: no tenant is known to have
    20261120_orders_tax from another source than the file as it now stands (sha256
    aaaaaaaaaaaa)
    "
  `);
  for (const line of shown.split('\n')) expect([...line].length, line).toBeLessThanOrEqual(80);
});

it('shows the gates of a plan with their limits, and where one is off and why', () => {
  const limits = sampleGate('x').limits;
  const plan = samplePlan({ findings: [], migrations: [], waves: samplePlan().waves.slice(1) });
  const why = 'the role is no member of pg_monitor';
  const { throttle: _, abort: __, ...without } = limits;
  const gates = [
    sampleGate('lockWaits', { type: 'builtin', check: 'lockWaits' }),
    sampleGate('walQueue', { type: 'builtin', check: 'walQueue', off: [{ host: 'pg-eu-1', why }] }),
    sampleGate('cache', { limits: { ...limits, when: 'below', throttle: 0.9, abort: 0.5 }, dryRun: true }),
    sampleGate('status', { type: 'http', scope: 'fleet', limits: without, off: [{ why: 'it answers 503' }] }),
  ];
  const shown = renderPlan({ ...plan, policy: { ...plan.policy, gates } }, plain(100));
  expect(shown.slice(shown.indexOf('GATES'), shown.indexOf('ON BREACH')).trimEnd()).toMatchInlineSnapshot(`
    "GATES      SLOWER            STOPS
    lockWaits  above 5 sessions  above 50 sessions
    walQueue   above 5 files     above 50 files     off on pg-eu-1: the role is no member of pg_monitor
    cache      below 0.9         below 0.5          dry run: acts on nothing
    status     -                 -                  off everywhere: it answers 503"
  `);
  expect(renderPlan({ ...plan, policy: { ...plan.policy, gates: gates.slice(0, 1) } }, plain(100))).not.toContain('off');
});

it('shows what a contract asks for before each wave', () => {
  const gates = contractGates([{ name: '20260104000000_drop_body', declares: { flags: ['new-text', 'b'], appVersion: '2.10.0' } }]);
  const plan = samplePlan({ findings: [] });
  expect(renderPlan({ ...plan, policy: { ...plan.policy, gates } }, plain(120))).toContain(
    'contract:20260104000000_drop_body  -       -      before each wave: flags new-text, b, version 2.10.0',
  );
});

it('shows checks that failed, each with the tenants that do not pass it', () => {
  expect(renderValidate(sampleValidate(), style)).toMatchInlineSnapshot(`
    "12 of 4,000 tenants do not pass; 7,996 checks were made (1 tenant has none to
    make, 1 could not be asked)

    failed sameCount orders → taxes  20261120_orders_tax
           4 expected, 3 found; 12 tenants (acme, globex, hooli, initech, umbrella,
           …)
    "
  `);
  const well = sampleValidate({
    counts: { tenants: 1, passed: 1, failed: 0, unchecked: 0, unasked: 0 },
    checks: 1,
    failed: [],
    left: [],
    migration: '20261120_orders_tax',
  });
  expect(renderValidate(well, style)).toBe('1 tenant passes; 1 check of 20261120_orders_tax was made\n');
});

it('shows how far a change without downtime has come, and what blocks its next phase', () => {
  const part = (name: string, phase: 'expand' | 'contract', has: number) => ({
    name,
    phase,
    has,
    lacks: 400 - has,
    sample: [],
    tenantHas: has > 0,
  });
  const blockedBy = [
    { severity: 'error', code: 'FLT_BAKING', message: 'm2_contract waits until tomorrow.', migration: 'm2_contract' },
  ] as const;
  const change = {
    name: 'm1_expand',
    state: 'underWay',
    upNext: 'm2_contract',
    migrations: [part('m1_expand', 'expand', 400), { ...part('m2_contract', 'contract', 0), sample: ['acme', 'globex'] }],
    blockedBy,
    next: [{ command: 'flotilla start --to m2_contract', why: 'when nothing blocks it any more' }],
  } as const;
  expect(renderPhases([change], undefined, style)).toMatchInlineSnapshot(`
    "m1_expand  under way
       PHASE     TENANTS     MIGRATION
       expand    400 of 400  m1_expand
    →  contract  0 of 400    m2_contract
       missing in acme, globex and 398 more
    FINDINGS
    error   FLT_BAKING  m2_contract
            m2_contract waits until tomorrow.
      flotilla start --to m2_contract  when nothing blocks it any more
    "
  `);
  expect(renderPhases([change], 'acme', style)).toMatch(/PHASE +acme +TENANTS/);
  const last = { ...change, migrations: [change.migrations[0], { ...change.migrations[1], lacks: 1, has: 399, sample: ['ac\u001bme'] }] };
  expect(renderPhases([last], undefined, style)).toContain('missing in ac me\n');
  expect(renderPhases([{ ...last, upNext: 'm1_expand' }], undefined, style), 'of the phase in hand alone').not.toContain('missing');
  expect(renderPhases([], undefined, style)).toContain('No migration declares a phase');
});

it('[B6] shows how far the backfill of one tenant is, and why it waits', () => {
  const at = { id: 'acme', host: 'pg-eu-1', schema: 'acme', state: 'running', rolloutId: 'r-1', wave: 1, blockers: [] } as const;
  expect(renderTenant({ ...at, backfill: { migration: '20260102_doubled', ...sampleRunning() } }, style)).toMatchInlineSnapshot(`
    "acme  running
      lives      pg-eu-1 / acme
      rollout    r-1, wave 1
      backfill   20260102_doubled
                 340,000 of about 1,000,000 rows, 34 %, 12,300 rows/s, 54 s left
    "
  `);
  const waiting = { migration: '20260102_doubled', ...sampleRunning({ waiting: 'a replica is 12 s behind' }) };
  expect(renderTenant({ ...at, backfill: waiting }, style)).toMatch(/34 %, waiting: a replica is 12 s\n +behind\n/);
});

it('[B6] shows a bar for each backfill of a rollout, and a line for each of the five tenants with the most left', () => {
  const backfill = {
    migration: '20260102_doubled',
    tenants: 8,
    done: 1,
    visited: 1_500,
    written: 900,
    total: 6_000,
    exact: true,
    rowsPerSecond: 90,
    running: [1, 2, 3, 4, 5, 6].map((n) =>
      sampleRunning({ tenant: `t0${n}`, visited: n * 100, total: 1_000, exact: true, rowsPerSecond: 15 }),
    ),
  };
  const text = renderRollout(
    { ...sampleStatus(), backfills: [backfill, { ...backfill, migration: '20260103_more', running: [] }] },
    plain(100),
  );
  expect(text.slice(text.indexOf('BACKFILLS')).split('\n\n')[0]).toMatchInlineSnapshot(`
    "BACKFILLS
      20260102_doubled  █████░░░░░░░░░░░░░░░  1,500 of 6,000 rows, 25 %, 90 rows/s, 50 s left; 1 of 8 t…
        t01  100 of 1,000 rows, 10 %, 15 rows/s, 60 s left
        t02  200 of 1,000 rows, 20 %, 15 rows/s, 54 s left
        t03  300 of 1,000 rows, 30 %, 15 rows/s, 47 s left
        t04  400 of 1,000 rows, 40 %, 15 rows/s, 40 s left
        t05  500 of 1,000 rows, 50 %, 15 rows/s, 34 s left
      20260103_more  █████░░░░░░░░░░░░░░░  1,500 of 6,000 rows, 25 %, 90 rows/s, 50 s left; 1 of 8 tena…"
  `);
  expect(renderRollout({ ...sampleStatus(), backfills: [] }, style)).not.toContain('BACKFILLS');
});

it('says of a plan, a rollout and a past rollout that it is a backfill', () => {
  const plan = samplePlan({ operation: 'backfill', to: '02_fill' });
  expect(renderPlan(plan, style)).toContain('3,912 of 4,000 tenants on 20 hosts: the backfill of 02_fill runs again, and nothing else');
  expect(renderPlan(plan, style)).not.toContain('MIGRATIONS');
  const none = samplePlan({
    operation: 'backfill',
    to: '02_fill',
    totals: { tenants: 2, pending: 0, upToDate: 0, excluded: 2, blocked: 0 },
    findings: [],
  });
  expect(renderPlan(none, style)).toContain('no tenant to run the backfill of 02_fill in');
  expect(renderRollout(sampleStatus({ backfillOf: '02_fill' }), style)).toMatch(/^shop r-\S+ {2}backfill of 02_fill {2}/);
  const past = {
    rolloutId: 'r-1',
    planId: 'p-1',
    requestId: 'q',
    state: 'succeeded',
    actor: 'ana',
    to: '02_fill',
    startedAt: '2026-11-23T12:40:00.000Z',
    totals: totals({ applied: 2 }),
  } as const;
  expect(renderHistory([{ ...past, backfillOf: '02_fill' }], plain(120))).toContain('succeeded (backfill 02_fill)');
});
