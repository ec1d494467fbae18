// The demo fleet: `npm run demo` rolls the migrations of the quick start over 300 tenants on two servers.
import { defineFleet, fromSchemas } from 'flotilla';

export default defineFleet({
  name: 'demo',
  environment: 'development',
  control: { connection: 'env:FLOTILLA_CONTROL_URL' },
  hosts: {
    'pg-eu-1': { connection: 'env:PG_EU_1_URL', maxConcurrency: 8 },
    'pg-us-1': { connection: 'env:PG_US_1_URL', maxConcurrency: 8 },
  },
  tenants: [fromSchemas({ host: 'pg-eu-1', like: 'tenant_*' }), fromSchemas({ host: 'pg-us-1', like: 'tenant_*' })],
  migrations: { directory: './examples/quick-start/migrations' },
  strategy: 'demo',
  strategies: {
    demo: {
      canary: { bakeTime: '2s' },
      waves: [
        { name: '10%', size: '10%', maxFailures: 3, bakeTime: '2s' },
        { name: 'rest', maxFailures: '2%' },
      ],
    },
  },
});
