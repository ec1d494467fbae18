import type { TenantRef } from '../../domain/tenant.js';
import type { Tally } from '../../domain/tend.js';
import type { Activities, TendOrder } from '../contract.js';

export type TendInput<V extends TendOrder['verb'] = TendOrder['verb']> = Parameters<Activities['tendTenants']>[0] & { readonly verb: V };

/** What the tenants of all hosts share. */
export interface Walk {
  readonly tally: Tally;
  readonly stop: () => boolean;
  /** Between two tenants. @throws when the worker is stopping, or the verb was cancelled */
  refuseWhenStopped(): Promise<void>;
}

/** Works through the tenants of one host; each is added to the tally. */
export type Visit = (host: string, tenants: readonly TenantRef[], walk: Walk) => Promise<void>;

export const isActive = ({ lifecycle = 'active' }: TenantRef): boolean => lifecycle === 'active';
