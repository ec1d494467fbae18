/** What happens in the demo, in three acts. Each checks what it shows, in the tenants' own tables, and says so in its row of the summary. */

import type { FlotillaClient } from '../../client/flotilla-client.js';
import { FlotillaError } from '../../domain/errors.js';
import type { PlanSummary } from '../../domain/plan.js';
import type { DemoCli } from './cli.js';
import { type DemoFleet, hasRelation, spread } from './fleet.js';

export interface DemoContext {
  readonly cli: DemoCli;
  readonly client: FlotillaClient;
  readonly fleet: DemoFleet;
  readonly print: (line: string) => void;
  readonly signal: AbortSignal;
}

export interface SummaryRow {
  readonly act: string;
  readonly result: string;
  readonly checked: string;
  readonly seconds: number;
}

const TO = '20260112090000_account_status';
const NEWEST = '20260119090000_unique_email';

/** What a step promises; the demo ends with an error when it does not hold. */
function expectThat(holds: boolean, what: string): asserts holds {
  if (!holds) throw new FlotillaError('FLT_DEMO_FAILED', `The demo expected: ${what}.`);
}

const canariesOf = (plan: PlanSummary): string[] => plan.waves.flatMap((wave) => wave.canaries.map((canary) => canary.tenant));

/** Canary, waves, one tenant with bad data parked while the others finish; then it is mended and tried again. */
export async function firstRollout({ cli, client, fleet, print, signal }: DemoContext): Promise<SummaryRow[]> {
  const began = performance.now();
  const total = fleet.tenants.length;
  const plan = await cli.document<PlanSummary>('plan', '--to', TO);
  const [bad] = spread(fleet.tenants, canariesOf(plan), 1) as [string];
  await fleet.run(bad, `update {t}.users set theme = 'drak' where email = 'person1@example.com'`);
  print(`(one row of tenant ${bad} now holds the theme 'drak', which the new table's check refuses)`);

  const { code, ms } = await cli.shown('start', plan.planId, '--watch');
  const [failed] = await client.rolloutTenants((await client.status())!.rolloutId, ['parked']);
  const rolled = await fleet.countTenants(`${hasRelation('user_preferences')} and ${hasRelation('users_status_created_at_index')}`);
  expectThat(code === 9 && failed?.id === bad, `exit 9, and ${bad} alone is parked (exit ${code}, parked ${failed?.id ?? 'none'})`);
  expectThat(rolled === total - 1, `${total - 1} tenants migrated (${rolled})`);
  const first = {
    act: 'a  two migrations, one tenant with bad data',
    result: `exit ${code}: ${rolled} applied, ${bad} parked (${failed.code})`,
    checked: `${rolled} of ${total} tenants have table and index`,
    seconds: ms / 1000,
  };

  await fleet.run(bad, `update {t}.users set theme = 'dark' where theme = 'drak'`);
  print(`(the row is mended; the client asks for another try of ${bad})`);
  const retried = performance.now();
  const asked = await client.retry({ tenants: [bad], reason: 'theme corrected' });
  print(`client.retry → ${asked.message}`);
  for (;;) {
    signal.throwIfAborted();
    const { state } = await client.tenantStatus(bad);
    if (state === 'applied') break;
    expectThat(performance.now() - retried < 30_000, `${bad} applied within 30 s (it is ${state})`);
  }
  const whole = await fleet.countTenants(hasRelation('users_status_created_at_index'));
  expectThat(whole === total, `all ${total} tenants migrated (${whole})`);
  print(`${bad} applied\n`);
  return [
    first,
    {
      act: 'a  mended, tried again by the client',
      result: `${bad} applied`,
      checked: `${whole} of ${total} tenants have table and index`,
      seconds: (performance.now() - began - ms) / 1000,
    },
  ];
}

/** The same start again. */
export async function nothingToDo({ cli, fleet }: DemoContext): Promise<SummaryRow[]> {
  const before = await fleet.countTenants('true');
  const { code, ms } = await cli.shown('start', '--to', TO, '--wait');
  expectThat(code === 0, `nothing to do, exit 0 (exit ${code})`);
  return [
    { act: 'b  the same start again', result: `exit ${code}: nothing to do`, checked: `${before} tenants scanned`, seconds: ms / 1000 },
  ];
}

/** A migration that old data breaks in about 6 % of the tenants, none of them a canary: breach, and everything is taken back. */
export async function breachAndRollback({ cli, client, fleet, print }: DemoContext): Promise<SummaryRow[]> {
  const total = fleet.tenants.length;
  const plan = await cli.document<PlanSummary>('plan', '--on-breach', 'rollbackRollout');
  const bad = spread(fleet.tenants, canariesOf(plan), Math.round(total * 0.06));
  for (const tenant of bad)
    await fleet.run(tenant, `update {t}.users set email = 'PERSON3@example.com' where email = 'person4@example.com'`);
  print(`(${bad.length} tenants now hold one address twice; no canary is among them)`);

  const { code, ms } = await cli.shown('start', plan.planId, '--watch');
  const at = await client.status();
  const left = await fleet.countTenants(hasRelation('users_email_unique'));
  expectThat(code === 5 && at?.state === 'rolledBack', `rolled back, exit 5 (exit ${code}, ${at?.state})`);
  expectThat(left === 0, `no tenant keeps the index (${left} do)`);
  const kept = await fleet.countTenants(hasRelation('users_status_created_at_index'));
  expectThat(kept === total, `all ${total} tenants keep the rollout before (${kept})`);
  const failing = at.failures.flatMap((group) => group.tenants);
  const more = at.failuresTotal - failing.length;
  return [
    {
      act: `c  ${NEWEST.slice(15)}: ${bad.length} tenants cannot take it`,
      result: `exit ${code}: ${at.failuresTotal} failed (${failing.join(', ')}${more > 0 ? `, ${more} more` : ''}), ${at.totals.rolledBack} rolled back`,
      checked: `0 of ${total} have the index, ${kept} keep rollout a`,
      seconds: ms / 1000,
    },
  ];
}
