import fc from 'fast-check';
import { expect, it } from 'vitest';
import { matchesSelector, type Selectable } from '../../../src/domain/selectors.js';
import type { Selector } from '../../../src/spec/strategy.js';

const acme: Selectable = { id: 'acme', host: 'eu-1', labels: { plan: 'gold', tier: 'enterprise' } };
const expression = (key: string, operator: 'In' | 'NotIn' | 'Exists' | 'DoesNotExist', values?: string[]): Selector => ({
  matchExpressions: [{ key, operator, ...(values ? { values } : {}) }],
});

it.each<[string, Selector, boolean]>([
  ['an empty selector', {}, true],
  ['its name', { names: ['other', 'acme'] }, true],
  ['other names', { names: ['other'] }, false],
  ['no name at all', { names: [] }, false],
  ['a label', { matchLabels: { plan: 'gold' } }, true],
  ['a label with another value', { matchLabels: { plan: 'silver' } }, false],
  ['a label that it lacks', { matchLabels: { region: 'eu' } }, false],
  ['one of two labels', { matchLabels: { plan: 'gold', tier: 'free' } }, false],
  ['its host as a label', { matchLabels: { host: 'eu-1' } }, true],
  ['its id as a label', { matchLabels: { id: 'acme' } }, true],
  ['In with its value', expression('plan', 'In', ['silver', 'gold']), true],
  ['In without its value', expression('plan', 'In', ['silver']), false],
  ['In without values', expression('plan', 'In'), false],
  ['In of a label that it lacks', expression('region', 'In', ['eu']), false],
  ['NotIn with its value', expression('plan', 'NotIn', ['gold']), false],
  ['NotIn without its value', expression('plan', 'NotIn', ['silver']), true],
  ['NotIn of a label that it lacks', expression('region', 'NotIn', ['eu']), true],
  ['Exists', expression('plan', 'Exists'), true],
  ['Exists of a label that it lacks', expression('region', 'Exists'), false],
  ['DoesNotExist', expression('plan', 'DoesNotExist'), false],
  ['DoesNotExist of a label that it lacks', expression('region', 'DoesNotExist'), true],
  ['Exists of host', expression('host', 'Exists'), true],
  ['Exists of a word that every object knows', expression('constructor', 'Exists'), false],
  ['parts that all fit', { names: ['acme'], matchLabels: { plan: 'gold' }, ...expression('host', 'In', ['eu-1']) }, true],
  ['parts of which one does not fit', { names: ['acme'], matchLabels: { plan: 'gold' }, ...expression('host', 'In', ['us-1']) }, false],
])('judges %s', (_, selector, fits) => expect(matchesSelector(selector, acme)).toBe(fits));

it('takes a tenant without labels as one that lacks each', () => {
  const bare: Selectable = { id: 'bare', host: 'eu-1' };
  expect(matchesSelector({ matchLabels: { plan: 'gold' } }, bare)).toBe(false);
  expect(matchesSelector(expression('plan', 'NotIn', ['gold']), bare)).toBe(true);
});

it("does not let a label called host or id stand for the tenant's own", () => {
  const liar: Selectable = { id: 'liar', host: 'eu-1', labels: { host: 'us-1', id: 'acme' } };
  expect(matchesSelector({ matchLabels: { host: 'eu-1', id: 'liar' } }, liar)).toBe(true);
  expect(matchesSelector({ matchLabels: { host: 'us-1' } }, liar)).toBe(false);
});

const word = fc.oneof(fc.constantFrom('a', 'b', 'id', 'host', 'toString', '__proto__'), fc.string());
const tenants = fc.record({ id: word, host: word, labels: fc.dictionary(word, word) });

it('In and NotIn, Exists and DoesNotExist are opposites for every tenant', () => {
  fc.assert(
    fc.property(tenants, word, fc.array(word), (tenant, key, values) => {
      expect(matchesSelector(expression(key, 'In', values), tenant)).toBe(!matchesSelector(expression(key, 'NotIn', values), tenant));
      expect(matchesSelector(expression(key, 'Exists'), tenant)).toBe(!matchesSelector(expression(key, 'DoesNotExist'), tenant));
    }),
  );
});

it('fits when each of its parts does', () => {
  const parts = fc.record(
    {
      names: fc.array(word),
      matchLabels: fc.dictionary(word, word, { maxKeys: 2 }),
      matchExpressions: fc.array(
        fc.record({ key: word, operator: fc.constantFrom('In' as const, 'NotIn' as const, 'Exists' as const), values: fc.array(word) }),
        { maxLength: 2 },
      ),
    },
    { requiredKeys: [] },
  );
  fc.assert(
    fc.property(parts, tenants, (selector, tenant) => {
      const alone = Object.entries(selector).every(([part, value]) => matchesSelector({ [part]: value }, tenant));
      expect(matchesSelector(selector, tenant)).toBe(alone);
    }),
  );
});
