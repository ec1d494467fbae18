import { describe, expect, it } from 'vitest';
import { matchesSelector } from '../../../src/domain/selectors.js';
import { parseSelector } from '../../../src/spec/parse-selector.js';
import { type Selector, selector } from '../../../src/spec/strategy.js';

type Expression = NonNullable<Selector['matchExpressions']>[number];
const part = (key: string, operator: Expression['operator'], ...values: string[]): Expression =>
  operator === 'In' || operator === 'NotIn' ? { key, operator, values } : { key, operator };

describe('a selector as one types it', () => {
  it.each<[string, Expression[]]>([
    ['plan=gold', [part('plan', 'In', 'gold')]],
    ['plan==gold', [part('plan', 'In', 'gold')]],
    [' plan = gold ', [part('plan', 'In', 'gold')]],
    ['host!=pg-eu-2', [part('host', 'NotIn', 'pg-eu-2')]],
    ['region in (eu,us)', [part('region', 'In', 'eu', 'us')]],
    ['region  NOTIN ( eu , us )', [part('region', 'NotIn', 'eu', 'us')]],
    ['beta', [part('beta', 'Exists')]],
    ['!legacy', [part('legacy', 'DoesNotExist')]],
    ['! legacy', [part('legacy', 'DoesNotExist')]],
    ['plan=', [part('plan', 'In', '')]],
    ['example.com/plan=a b', [part('example.com/plan', 'In', 'a b')]],
    ['note=a=b', [part('note', 'In', 'a=b')]],
    ['in in (in)', [part('in', 'In', 'in')]],
    [
      'plan=gold,host!=pg-eu-2,region in (eu,us),beta,!legacy',
      [
        part('plan', 'In', 'gold'),
        part('host', 'NotIn', 'pg-eu-2'),
        part('region', 'In', 'eu', 'us'),
        part('beta', 'Exists'),
        part('legacy', 'DoesNotExist'),
      ],
    ],
    ['plan=gold,,beta,', [part('plan', 'In', 'gold'), part('beta', 'Exists')]],
  ])('%j is understood', (text, matchExpressions) => {
    expect(parseSelector(text)).toEqual({ matchExpressions });
    expect(selector.safeParse(parseSelector(text)).success).toBe(true);
  });

  it.each(['=gold', '!=gold', '!a=b', 'a b', 'region in eu', 'region in (eu', 'region in (a,(b))', 'a)', '!', 'a!b'])(
    '%j is refused, with the part that is not understood',
    (text) => {
      expect(() => parseSelector(`plan=gold,${text}`)).toThrow(
        expect.objectContaining({ code: 'FLT_USAGE', details: { selector: `plan=gold,${text}` } }),
      );
      expect(() => parseSelector(`plan=gold,${text}`)).toThrow(/The selector part ".+" is not understood/);
    },
  );

  it.each(['', ' ', ',', ' , '])('%j is refused as empty: it would mean everybody', (text) => {
    expect(() => parseSelector(text)).toThrow(expect.objectContaining({ code: 'FLT_USAGE', message: 'The selector is empty.' }));
  });

  it('means the tenants that fit every part', () => {
    const eu = { id: 'acme', host: 'pg-eu-1', labels: { plan: 'gold', beta: '' } };
    const us = { id: 'globex', host: 'pg-us-1', labels: { plan: 'gold' } };
    const chosen = (text: string) => [eu, us].filter((tenant) => matchesSelector(parseSelector(text), tenant)).map(({ id }) => id);
    expect(chosen('plan=gold')).toEqual(['acme', 'globex']);
    expect(chosen('plan=gold,beta')).toEqual(['acme']);
    expect(chosen('host!=pg-eu-1')).toEqual(['globex']);
    expect(chosen('id in (acme,globex),!beta')).toEqual(['globex']);
    expect(chosen('plan notin (gold)')).toEqual([]);
  });
});
