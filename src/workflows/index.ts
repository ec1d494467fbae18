/** Everything in the workflow bundle. */
export { adminWorkflow } from './admin.js';
export { backfillWorkflow } from './backfill.js';
export { planWorkflow } from './plan.js';
export { rolloutWorkflow } from './rollout.js';
export { tenantWorkflow } from './tenant.js';
export { waveWorkflow } from './wave.js';
