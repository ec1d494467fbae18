/** Cells: groups of hosts that the same workers reach. */

import type { Fleet } from './fleet.js';

export const DEFAULT_CELL = 'default';

/** Names of the hosts of one cell. */
export const hostsOfCell = (fleet: Fleet, cell: string): readonly string[] =>
  Object.keys(fleet.hosts).filter((host) => (fleet.hosts[host]?.cell ?? DEFAULT_CELL) === cell);

/** Every cell of the fleet, sorted. */
export const cellsOf = (fleet: Fleet): readonly string[] =>
  [...new Set(Object.values(fleet.hosts).map((host) => host.cell ?? DEFAULT_CELL))].sort();
