import { defineSearchAttributeKey } from '@temporalio/common';

/** The search attributes Flotilla uses, all keywords; made by `flotilla dev` and by `flotilla doctor --fix`. */
export const SEARCH_ATTRIBUTES = [
  'FlotillaFleet',
  'FlotillaRollout',
  'FlotillaWave',
  'FlotillaHost',
  'FlotillaTenant',
  'FlotillaState',
  'FlotillaError',
] as const;

export const searchAttribute = {
  fleet: defineSearchAttributeKey('FlotillaFleet', 'KEYWORD'),
  rollout: defineSearchAttributeKey('FlotillaRollout', 'KEYWORD'),
  state: defineSearchAttributeKey('FlotillaState', 'KEYWORD'),
} as const;
