/** Brings the control database to this version, with the same runner that migrates tenants. */

import { fileURLToPath } from 'node:url';
import { FlotillaError } from '../domain/errors.js';
import { createKnexEngine } from '../engines/knex/knex-engine.js';
import { createHosts } from '../postgres/hosts.js';
import { createRunner } from '../postgres/runner.js';

export interface ControlPlace {
  /** Answers the connection string. */
  readonly resolve: () => Promise<string>;
  readonly schema: string;
  readonly actor: string;
}

/** In the package: `migrations/` beside `dist/` or `src/`. */
const DIRECTORY = fileURLToPath(new URL('../../migrations', import.meta.url));
const HOST = 'control';
/** Held while the schema is created and migrated, so that workers that start together take turns. */
const TURN = `hashtextextended('flotilla control', 0)`;

/**
 * Creates the schema and applies what is missing. Safe to repeat, and for any number of workers at once: one does it, the others find it done.
 * @throws FLT_CONTROL_UNAVAILABLE, FLT_PERMISSION_DENIED, and the runner's codes
 */
export async function migrateControl(place: ControlPlace): Promise<void> {
  const hosts = createHosts({ hosts: { [HOST]: { connection: HOST, maxConcurrency: 2 } }, resolve: () => place.resolve() });
  const engine = createKnexEngine({ directories: [DIRECTORY], inputs: [], baseDir: DIRECTORY });
  const runner = createRunner({ engine, hosts, history: { tableName: 'knex_migrations' } });
  try {
    const { files, problems } = await engine.list();
    if (problems.length)
      throw new FlotillaError('FLT_INTERNAL', `Flotilla's own migrations do not load: ${problems[0]!.file}: ${problems[0]!.message}`);
    await hosts.withHost(HOST, async (client) => {
      await client.query(`select pg_advisory_lock(${TURN})`);
      try {
        await client.query(`create schema if not exists ${client.escapeIdentifier(place.schema)}`);
        const result = await runner.attempt({
          fleet: 'flotilla',
          tenant: { id: 'control', host: HOST, schema: place.schema },
          direction: 'up',
          migrations: files.map(({ name, checksum, closure, transactional }) => ({
            name,
            checksum,
            closure,
            transactional,
            reversible: { verdict: 'expected' },
          })),
          rolloutId: 'control',
          fenceFirst: true,
          canary: false,
          deltas: new Map(files.map((file) => [file.name, { added: [], removed: [] }])),
          force: false,
          actor: place.actor,
          applicationName: 'flotilla control migrations',
          timeouts: { lockMs: 5_000, statementMs: 60_000, idleMs: 30_000 },
          quickTries: 10,
          outOfOrder: 'refuse',
          onStep: () => undefined,
        });
        if (result.outcome !== 'applied' && result.outcome !== 'upToDate')
          throw new FlotillaError(
            'FLT_CONTROL_UNAVAILABLE',
            `The control database could not be brought up to date: ${result.message ?? result.outcome}`,
            { code: result.code },
          );
      } finally {
        await client.query(`select pg_advisory_unlock(${TURN})`).catch(() => undefined);
      }
    });
  } catch (error) {
    if (error instanceof FlotillaError && error.code === 'FLT_HOST_UNAVAILABLE')
      throw new FlotillaError('FLT_CONTROL_UNAVAILABLE', error.message.replace('Host "control"', 'The control database'), {});
    throw error;
  } finally {
    await hosts.close();
  }
}
