/**
 * Where Temporal is, for the client and the workers alike: TEMPORAL_* variables and temporal.toml as every Temporal tool reads them
 * (address, namespace, TLS, API key), with the config file's address and namespace on top.
 */

import { type ClientConnectConfig, loadClientConnectConfig } from '@temporalio/envconfig';

export interface TemporalPlace {
  /** @defaultValue TEMPORAL_ADDRESS, the profile in temporal.toml, or localhost:7233 */
  readonly address?: string;
  /** @defaultValue TEMPORAL_NAMESPACE, the profile in temporal.toml, or default */
  readonly namespace?: string;
}

export interface TemporalTarget {
  /** Address, TLS and API key; for `Connection.connect` and `NativeConnection.connect`. */
  readonly connection: ClientConnectConfig['connectionOptions'] & { readonly address: string };
  readonly namespace: string;
}

/** Answers where to connect to. Reads the environment each time; makes no connection. Holds secrets: never print it. */
export function temporalTarget(place: TemporalPlace = {}): TemporalTarget {
  const { connectionOptions, namespace } = loadClientConnectConfig();
  return {
    connection: { ...connectionOptions, address: place.address ?? connectionOptions.address ?? 'localhost:7233' },
    namespace: place.namespace ?? namespace ?? 'default',
  };
}
