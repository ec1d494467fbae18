/** Which tenants a selector means: Kubernetes-style labels; `id` and `host` are labels that every tenant has. */

import type { Selector } from '../spec/strategy.js';

export interface Selectable {
  readonly id: string;
  readonly host: string;
  readonly labels?: Readonly<Record<string, string>>;
}

/** True when every part of the selector fits; an empty selector fits everything. */
export function matchesSelector(selector: Selector, tenant: Selectable): boolean {
  const { id, host, labels = {} } = tenant;
  const label = (key: string): string | undefined =>
    key === 'id' ? id : key === 'host' ? host : Object.hasOwn(labels, key) ? labels[key] : undefined;
  if (selector.names && !selector.names.includes(tenant.id)) return false;
  for (const [key, value] of Object.entries(selector.matchLabels ?? {})) if (label(key) !== value) return false;
  return (selector.matchExpressions ?? []).every(({ key, operator, values = [] }) => {
    const value = label(key);
    if (operator === 'Exists') return value !== undefined;
    if (operator === 'DoesNotExist') return value === undefined;
    const listed = value !== undefined && values.includes(value);
    return operator === 'In' ? listed : !listed;
  });
}
