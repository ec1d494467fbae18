/** A fleet on the servers of this test run. */

import { inject } from 'vitest';
import { createFleetOn, type FleetFixture, type FleetOptions } from './fleet-project.js';

export * from './fleet-project.js';

export const createFleet = (options: FleetOptions): Promise<FleetFixture> =>
  createFleetOn({ serverUrl: inject('postgres').url, temporalAddress: inject('temporal').address }, options);
