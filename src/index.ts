/** The public surface of Flotilla. */
export { FlotillaError } from './domain/errors.js';
export type { TenantRef } from './domain/tenant.js';
export { defineFleet, type FleetConfig, fromList, fromQuery, fromSchemas } from './spec/fleet.js';
