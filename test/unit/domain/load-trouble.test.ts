import { expect, it } from 'vitest';
import { loadTrouble } from '../../../src/domain/load-trouble.js';

it.each([
  ['ParseError: Unexpected token  \n /srv/x.ts:2:6', 'ParseError: Unexpected token at /srv/x.ts:2:6'],
  ['no luck\nsecond line', 'no luck'],
  ['boom at db postgres://u:TOPSECRET@h/x', 'boom at db (connection string not shown)'],
])('says what a loader said, and where, without secrets: %j', (message, said) => expect(loadTrouble(new Error(message))).toBe(said));
