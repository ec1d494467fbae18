/** A fleet on the servers of this test run. */

import { inject } from 'vitest';
import { createFleetOn, type FleetFixture, type FleetOptions, query } from './fleet-project.js';

export * from './fleet-project.js';

export const createFleet = (options: FleetOptions): Promise<FleetFixture> =>
  createFleetOn({ serverUrl: inject('postgres').url, temporalAddress: inject('temporal').address }, options);

/** The control database is gone with all it held; an empty one stands in its place. */
export async function loseControl(fleet: FleetFixture): Promise<void> {
  const at = new URL(fleet.controlUrl);
  const database = at.pathname.slice(1);
  at.pathname = '/postgres';
  await query(at.toString(), `drop database "${database}" with (force)`);
  await query(at.toString(), `create database "${database}"`);
}
