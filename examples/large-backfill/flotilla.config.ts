import { defineFleet, fromSchemas } from 'flotilla';

export default defineFleet({
  name: 'large-backfill',
  environment: 'development',
  // Not set in your shell? `flotilla dev` then offers local databases.
  control: { connection: 'env:FLOTILLA_CONTROL_URL' },
  hosts: {
    main: { connection: 'env:FLOTILLA_MAIN_URL', maxConcurrency: 8 },
  },
  tenants: [fromSchemas({ host: 'main', like: 'tenant_*' })],
  migrations: { directory: './migrations' },
});
