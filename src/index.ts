/** The public surface of Flotilla. */
export type { ConnectOptions } from './client/connect.js';
export type { AskOptions } from './client/context.js';
export type { DoctorOptions, DoctorResult } from './client/doctor.js';
export { FlotillaClient } from './client/flotilla-client.js';
export type { NextCommand } from './client/next-commands.js';
export type { PlanOptions } from './client/plan.js';
export type { AuditOptions, HistoryOptions, ReadyResult, TenantsOptions, TenantsResult } from './client/reads.js';
export type { RolloutStatus } from './client/rollout-status.js';
export type { StartOptions, StartResult } from './client/start.js';
export type { SteerOptions, SteerResult } from './client/steer.js';
export type { WaitOptions, WaitResult } from './client/wait.js';
export type { ErrorCode } from './domain/error-codes.js';
export { FlotillaError } from './domain/errors.js';
export type { PlanSummary } from './domain/plan.js';
export type { RolloutState } from './domain/rollout/contract.js';
export type { TenantRef, TenantState, Totals } from './domain/tenant.js';
export { defineFleet, type FleetConfig, fromList, fromQuery, fromSchemas } from './spec/fleet.js';
