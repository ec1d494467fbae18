import { describe, expect, it } from 'vitest';
import { statementsOf } from '../../../src/postgres/statement.js';

describe('the sequences that a statement moves', () => {
  it.each<[string, readonly string[]]>([
    [`select setval('public.s', 3)`, ['public.s']],
    [`select nextval('s'), setval('a.b'::regclass, 1, true)`, ['s', 'a.b']],
    [`insert into t (id) select nextval('"Vic""tim.x"."S"')`, ['Vic"tim.x.S']],
    [`select setval('Public.S', 1)`, ['public.s']],
    [`select setval(pg_get_serial_sequence('t', 'id'), 1)`, []],
    [`alter table t alter column id set default nextval('public.s')`, []],
    [`select currval('public.s'), 'nextval(public.s)'`, []],
  ])('%s', async (text, expected) => {
    const [statement] = (await statementsOf(text))!;
    expect(statement!.sequences.map(({ schema, name }) => [schema, name].filter(Boolean).join('.'))).toEqual(expected);
  });
});

describe('a text of half a million characters', () => {
  const data = 'end '.repeat(125_000);
  it('is not parsed when nothing in it can end a transaction', async () => {
    expect(await statementsOf(`insert into t values ('${data}')`)).toBeUndefined();
  });
  it.each([
    ['behind a semicolon', `insert into t values ('${data}'); commit`],
    ['behind comments', `insert into t values ('${data}');\n-- done\n /* really */ commit`],
    ['at its start', `begin; insert into t values ('${data}')`],
  ])('is parsed when it may hold a COMMIT %s', async (_, text) => {
    expect((await statementsOf(text))!.some(({ control }) => control !== undefined)).toBe(true);
  });
});
