import { describe, expect, it } from 'vitest';
import { Hints } from '../../../src/postgres/hints.js';

const hintsOf = async (...texts: readonly string[]) => {
  const hints = new Hints(['acme', 'ext']);
  for (const text of texts) await hints.read(text);
  const { lookUp, grants, columnGrants, types } = hints;
  return Object.entries({ lookUp, grants, columnGrants, types })
    .filter(([, is]) => is)
    .map(([name]) => name);
};

describe('a text says where to look before COMMIT', () => {
  it.each<[string, string | readonly string[], readonly string[]]>([
    ['nowhere, when it names its own tables', 'grant select on people, acme.notes to app', []],
    ['nowhere, when it only speaks of it', `insert into notes (body) values ('grant all; create domain x')`, []],
    ['nowhere, when a column is called so', 'create table sites (domain text, type text)', []],
    ['at rights, when it grants on a table elsewhere', 'grant select on public.plans to app', ['grants']],
    ['at rights, when it revokes on all tables elsewhere', 'revoke all on all tables in schema public from app', ['grants']],
    ['at rights on columns too', 'grant select (a, b) on public.plans to app', ['grants', 'columnGrants']],
    ['at rights, when its search_path may lead elsewhere', ['set search_path to public', 'grant select on plans to app'], ['grants']],
    ['at rights, when a DO block may hide them', 'do $$ begin grant select on x to app; end $$', ['grants']],
    ['at rights on columns, when a DO block may hide them', 'do $$ begin grant select (a) on x to app; end $$', ['grants', 'columnGrants']],
    ['not at columns, when a DO block grants on a function', 'do $$ begin grant execute on function f(int) to app; end $$', ['grants']],
    ['not at tables, when it grants on a schema', 'grant usage on schema public to app', []],
    ['nowhere, when a domain is its own', 'create domain age as int; alter domain acme.age set default 3', []],
    ['at types, when it makes a domain elsewhere', 'create domain public.age as int', ['types']],
    ['at types, when it changes a domain elsewhere', 'alter domain public.age add check (value > 0)', ['types']],
    [
      'at types, when a function may hide a domain',
      'create function f() returns void language sql as $$ create domain x as int $$',
      ['types'],
    ],
    ['not at types, when a DO block makes an enum', `do $$ begin create type mood as enum ('good'); end $$`, []],
    ['at what is gone, when it drops', 'alter table people drop column n', ['lookUp']],
    ['at what is gone, when it moves', 'alter table public.plans set schema acme', ['lookUp']],
    ['everywhere it may, when it is not understood', 'grant domain drop !', ['lookUp', 'grants']],
  ])('%s', async (_, texts, expected) => {
    expect(await hintsOf(...[texts].flat())).toEqual(expected);
  });

  it('and the next transaction of the session begins without, but for a search_path that was changed', async () => {
    const hints = new Hints(['acme']);
    await hints.read('set search_path to public; drop table x');
    const next = hints.next();
    expect(next).toMatchObject({ lookUp: false });
    expect(next.own({ schema: undefined, name: 'plans' })).toBe(false);
  });

  it('only where the tenant does not own the whole database', async () => {
    const hints = new Hints(undefined);
    await hints.read('grant select on public.plans to app; create domain public.x as int');
    expect(hints).toMatchObject({ grants: false, types: false });
  });
});
