/** The search attributes by which rollouts, waves and parked tenants are found in Temporal: all keywords, made by `flotilla dev` and by
 *  `flotilla doctor --fix`. */

import { defineSearchAttributeKey } from '@temporalio/common';

const keyword = (name: string) => defineSearchAttributeKey(name, 'KEYWORD');

export const searchAttribute = {
  fleet: keyword('FlotillaFleet'),
  rollout: keyword('FlotillaRollout'),
  wave: keyword('FlotillaWave'),
  host: keyword('FlotillaHost'),
  tenant: keyword('FlotillaTenant'),
  state: keyword('FlotillaState'),
  error: keyword('FlotillaError'),
} as const;

export const SEARCH_ATTRIBUTES: readonly string[] = Object.values(searchAttribute).map(({ name }) => name);
