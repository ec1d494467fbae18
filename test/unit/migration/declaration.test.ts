import { expect, it } from 'vitest';
import { readDeclaration } from '../../../src/migration/declaration.js';

it('[Z5] takes a phase with what it comes after, and what a contract waits for', () => {
  const contract = { phase: 'contract', after: ['01_a'], bake: '7d', flags: ['new-email'], appVersion: '4.2.0' };
  expect(readDeclaration(contract)).toEqual(contract);
  expect(readDeclaration({ phase: 'expand' })).toEqual({ phase: 'expand' });
  expect(readDeclaration({ after: ['01_a'] })).toEqual({ after: ['01_a'] });
});

it('[Z5] refuses a contract that comes after nothing, and what only a contract may have', () => {
  expect(() => readDeclaration({ phase: 'contract' })).toThrow('flotilla.after: expected what the contract comes after');
  expect(() => readDeclaration({ phase: 'expand', bake: '1d', flags: ['f'], appVersion: '1.0.0' })).toThrow(
    /flotilla\.bake: only a contract may have it.*flotilla\.flags.*flotilla\.appVersion/,
  );
  expect(() => readDeclaration({ phase: 'shrink', after: [], bake: 'soon', flags: [''], appVersion: 'new' })).toThrow(
    /flotilla\.phase: expected expand, backfill, constrain, contract.*flotilla\.after: .*flotilla\.bake: .*flotilla\.flags\.0: .*flotilla\.appVersion: expected a version/,
  );
});
