/** How to reach Temporal: TEMPORAL_* and temporal.toml, as every Temporal tool reads them; the config's own fields go first. */

import { loadClientConnectConfig } from '@temporalio/envconfig';
import type { Fleet } from './fleet.js';

export interface TemporalTarget {
  readonly address: string;
  readonly namespace: string;
  /** Options for `Connection.connect` and `NativeConnection.connect`: address, tls, apiKey, metadata. */
  readonly connectionOptions: ReturnType<typeof loadClientConnectConfig>['connectionOptions'];
}

export function temporalTarget(settings: Fleet['temporal'] = {}): TemporalTarget {
  const { connectionOptions, namespace } = loadClientConnectConfig();
  const address = settings.address ?? connectionOptions.address ?? '127.0.0.1:7233';
  return { address, namespace: settings.namespace ?? namespace ?? 'default', connectionOptions: { ...connectionOptions, address } };
}
