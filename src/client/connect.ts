import { userInfo } from 'node:os';
import { Client, Connection } from '@temporalio/client';
import { FlotillaError } from '../domain/errors.js';
import { temporalTarget } from '../spec/temporal-connection.js';
import type { ClientContext } from './context.js';
import { knownUiUrl } from './ui-url.js';

export interface ConnectOptions {
  /** Name of the fleet, as in its config. */
  readonly fleet: string;
  /** @defaultValue flotilla */
  readonly taskQueue?: string;
  /** @defaultValue TEMPORAL_ADDRESS, temporal.toml, or localhost:7233 */
  readonly address?: string;
  /** @defaultValue TEMPORAL_NAMESPACE, temporal.toml, or default */
  readonly namespace?: string;
  /** Who asks; self-reported, for the audit trail. @defaultValue the name of the system user */
  readonly actor?: string;
  /** Base address of the Temporal UI, for links. @defaultValue known for a local dev server and Temporal Cloud */
  readonly uiUrl?: string;
}

const systemUser = (): string => {
  try {
    return userInfo().username;
  } catch {
    return 'unknown'; // containers run under user ids that have no name
  }
};

/** Connects within 5 s. @throws FLT_TEMPORAL_UNAVAILABLE */
export async function connect(options: ConnectOptions): Promise<ClientContext & { close(): Promise<void> }> {
  const target = temporalTarget(options);
  const { address } = target.connection;
  let connection: Connection;
  try {
    connection = await Connection.connect({ ...target.connection, connectTimeout: '5s' });
  } catch (error) {
    throw new FlotillaError('FLT_TEMPORAL_UNAVAILABLE', `Temporal at ${address} does not answer.`, { address }, { cause: error });
  }
  const uiUrl = options.uiUrl ?? knownUiUrl(address);
  return {
    fleet: options.fleet,
    taskQueue: options.taskQueue ?? 'flotilla',
    actor: options.actor ?? systemUser(),
    temporal: new Client({ connection, namespace: target.namespace, identity: `flotilla-client/${process.pid}` }),
    connection,
    address,
    namespace: target.namespace,
    ...(uiUrl ? { uiUrl } : {}),
    close: () => connection.close(),
  };
}
