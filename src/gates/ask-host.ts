/** Gates that are read on a host: Flotilla's own checks, and SQL written by hand. */

import { FlotillaError } from '../domain/errors.js';
import type { Sample } from '../domain/gates.js';
import type { PlannedGate } from '../domain/plan.js';
import type { Hosts } from '../postgres/contract.js';
import { readFirstColumn, readHostCheck } from '../postgres/host-checks.js';
import { classify, describePostgresError } from '../postgres/sqlstate.js';
import { sampleOf, silent } from './sample.js';

/** Elsewhere it says that the server has become a standby; here it is our own transaction. */
const READ_ONLY = '25006';
const SILENT_HOST = ['FLT_HOST_UNAVAILABLE', 'FLT_TOO_MANY_CONNECTIONS', 'FLT_CONNECTION_LOST'];

/**
 * Says of the server's own words only what quotes no data.
 * @returns undefined: the host itself does not answer. That is no news of the gate's: the wave finds out, and waits for that host alone
 */
export async function askHost(gate: PlannedGate, host: string, hosts: Hosts, withinMs: number): Promise<Sample | undefined> {
  try {
    return await hosts.withHost(host, async (client) => {
      if (gate.type === 'sql') return sampleOf(await readFirstColumn(client, gate.query!, withinMs));
      const found = await readHostCheck(client, gate.check!, withinMs);
      return 'hidden' in found ? { kind: 'inconclusive', text: found.hidden } : { kind: 'value', value: found.value };
    });
  } catch (error) {
    if (error instanceof FlotillaError) return SILENT_HOST.includes(error.code) ? undefined : silent(error.message);
    if ((error as { code?: string }).code === READ_ONLY) return silent('it wants to write');
    const what = classify(error);
    if (!what) throw error;
    if (what.trouble === 'connection' || what.trouble === 'host') return undefined;
    return silent(`it fails: ${describePostgresError(error as Error)}`);
  }
}
