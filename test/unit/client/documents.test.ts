import { expect, it } from 'vitest';
import { DOCUMENTS, type DocumentKind } from '../../../src/client/documents.js';
import {
  type Body,
  baselineBody,
  noRolloutBody,
  planBody,
  refreshBody,
  repairBody,
  rolloutBody,
  startBody,
  tenantBody,
  tendedBody,
  validateBody,
  waitBody,
} from '../../../src/client/to-documents.js';
import { sampleBaseline, samplePlan, sampleRefresh, sampleRepair, sampleRunning, sampleStatus, sampleValidate } from './samples.js';

/** Fits the schema, and holds no field that the schema does not name (zod would drop it). */
function fits<K extends DocumentKind>(kind: K, body: Body<K>) {
  const document = JSON.parse(JSON.stringify({ schemaVersion: 1, kind, fleet: 'shop', at: new Date(0).toISOString(), ...body }));
  expect(DOCUMENTS[kind].parse(document)).toEqual(document);
}

const rich = () =>
  sampleStatus({
    state: 'halted',
    reasons: [{ kind: 'host', text: 'pg-eu-2 does not answer', clears: 'itself', sinceMs: 1, untilMs: 2, host: 'pg-eu-2' }],
    approval: { wave: 'rest', digest: 'd', expiresAtMs: 5 },
    rollback: {
      scope: 'wave',
      automatic: true,
      refused: [{ migration: 'm', code: 'FLT_NO_DOWN', why: 'w' }],
      failed: [{ tenant: 't', code: 'c' }],
    },
    finishedAtMs: Date.parse('2026-11-23T13:00:00Z'),
  });

it('prints a plan as its schema says', () => fits('plan', planBody(samplePlan())));
it('prints a rollout as its schema says', () => fits('status', rolloutBody(rich())));
it('prints "no rollout" in the same shape', () => fits('status', noRolloutBody()));
it('prints each outcome of start', () => {
  fits('start', startBody({ outcome: 'started', rollout: rich(), plan: samplePlan() }));
  fits('start', startBody({ outcome: 'started', rollout: rich() }));
  fits('start', startBody({ outcome: 'alreadyStarted', rollout: rich() }));
  fits('start', startBody({ outcome: 'nothingToDo', plan: samplePlan() }));
  fits('start', startBody({ outcome: 'declined', plan: samplePlan() }));
});
it('prints how far the backfill of one tenant is, with its share and the time left, and nothing where it has none', () => {
  const at = { id: 'acme', host: 'pg-eu-1', schema: 'acme', state: 'running', rolloutId: 'r-1', wave: 1, blockers: [] } as const;
  const body = tenantBody({ ...at, backfill: { migration: 'm1', ...sampleRunning() } });
  fits('tenant', body);
  expect(body.tenant.backfill).toMatchObject({ migration: 'm1', rows: 1_000_000, visited: 340_000, share: 0.34, etaMs: 53_659 });
  fits(
    'tenant',
    tenantBody({ ...at, backfill: { migration: 'm1', ...sampleRunning({ total: null, waiting: 'a lock', rowsPerSecond: 0 }) } }),
  );
  fits('tenant', tenantBody(at));
  expect(tenantBody(at).tenant).not.toHaveProperty('backfill');
});
it('prints what a wait ended with', () => fits('wait', waitBody({ status: rich(), why: 'needsPerson', exitCode: 4 })));

it('prints what the verbs did that put histories right', () => {
  fits('repair', repairBody(sampleRepair()));
  fits(
    'repair',
    repairBody(
      sampleRepair({ outcome: 'acceptedBefore', tenants: 0, sample: [], before: { actor: 'ana', at: new Date(0).toISOString() } }),
    ),
  );
  fits('baseline', baselineBody(sampleBaseline()));
  fits('adopt', tendedBody(sampleBaseline()));
  fits('eject', tendedBody(sampleBaseline()));
  fits('refresh', refreshBody(sampleRefresh()));
});

it('prints what checks came to', () => {
  fits('validate', validateBody(sampleValidate()));
  fits('validate', validateBody(sampleValidate({ migration: '20261120_orders_tax', failed: [], left: [] })));
});

it('tells the canaries of a rollout that this command planned', () => {
  const body = startBody({ outcome: 'started', rollout: sampleStatus(), plan: samplePlan() });
  expect(body.waves[0]!.canaries![0]).toEqual({ tenant: 'acme', host: 'pg-eu-1', reason: 'largest of its host' });
});

it('counts tenants that were up to date when nothing was to do', () => {
  const plan = samplePlan({ totals: { tenants: 10, pending: 0, upToDate: 9, excluded: 1, blocked: 0 } });
  expect(startBody({ outcome: 'nothingToDo', plan }).totals).toMatchObject({ upToDate: 9, skipped: 1, pending: 0 });
});
