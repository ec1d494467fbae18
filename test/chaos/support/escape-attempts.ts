/**
 * Migrations of tenant `acme` that reach for what is not its own: another tenant (`sibling`, `"Vic""tim.x"`), `public`, the database, the
 * server. `docs/security.md` lists each by its id. What stands around them: `victims.ts`.
 */

import { createRequire } from 'node:module';
import type { ErrorCode } from '../../../src/domain/error-codes.js';

export interface EscapeAttempt {
  readonly id: string;
  /** What the migration does, as the end of a sentence. */
  readonly title: string;
  /** Of the migration's file. */
  readonly source: string;
  /** Refused, and everything outside the tenant is as it was. */
  readonly caught: boolean;
  /** Where it is not caught: the reason. */
  readonly why?: string;
  /** Code of the refusal; null: the migration goes through, for nothing comes of the attempt. @defaultValue FLT_TENANT_ESCAPE */
  readonly code?: ErrorCode | null;
  /** What the refusal's message names. */
  readonly names?: string;
  /** SQL by which the tenant already has what it uses. */
  readonly given?: string;
  /** The tenant's role. */
  readonly role?: string;
  /** Where the tenant lives. @defaultValue schema */
  readonly kind?: 'schema' | 'database';
  /** Not caught: SQL that answers true when it has happened. */
  readonly proof?: string;
  /** Not caught: refused all the same, but what it did stays. */
  readonly refused?: true;
}

/** Migration files lie in a temporary folder, from which no package is found. */
const packageAt = (name: string): string => JSON.stringify(createRequire(import.meta.url).resolve(name));

type More = Partial<Omit<EscapeAttempt, 'id' | 'title' | 'source'>>;
const SIBLING = 'sibling.people';
const OUTSIDE = `exports.config = { transaction: false };`;

const file = (body: string): string => `exports.up = async (knex) => { ${body} }; exports.down = () => {};`;
const raw = (sql: string | readonly string[]): string =>
  [sql]
    .flat()
    .map((text) => `await knex.raw(${JSON.stringify(text)});`)
    .join(' ');

/** Statements sent one by one, behind some work on the tenant's own tables. */
const sql = (id: string, title: string, statements: string | readonly string[], names?: string, more: More = {}): EscapeAttempt => ({
  id,
  title,
  source: file(`${raw(['create table made (id int)', `insert into notes (body) values ('mine')`])} ${raw(statements)}`),
  caught: true,
  ...(names ? { names } : {}),
  ...more,
});
/** JavaScript with the handle `knex`. */
const js = (id: string, title: string, body: string, names?: string, more: More = {}): EscapeAttempt => ({
  ...sql(id, title, [], names, more),
  source: file(`${raw('create table made (id int)')} ${body}`),
});
/** The same outside a transaction: what is not refused commits at once. */
const outside = (id: string, title: string, statements: string | readonly string[], names?: string, more: More = {}): EscapeAttempt => ({
  ...sql(`outside-${id}`, title, statements, names, more),
  source: `${OUTSIDE} ${file(raw(statements))}`,
});
const outsideJs = (id: string, title: string, body: string, names?: string, more: More = {}): EscapeAttempt => ({
  ...sql(`outside-${id}`, title, [], names, more),
  source: `${OUTSIDE} ${file(body)}`,
});
const unseen = (attempt: EscapeAttempt, why: string, proof?: string, more: More = {}): EscapeAttempt => ({
  ...attempt,
  ...more,
  caught: false,
  why,
  ...(proof ? { proof } : {}),
});

/** Functions, triggers, rules and views of the tenant's own that reach elsewhere when they are used. */
const REACH = `create function acme.reach() returns int language plpgsql as $$ begin insert into sibling.people (id, name) values (99, 'x'); return 1; end $$;`;
const REACH_TRIGGER = `create function acme.reach() returns trigger language plpgsql as $$ begin insert into sibling.people (id, name) values (99, 'x'); return new; end $$;`;

const rows: readonly EscapeAttempt[] = [
  sql('insert', `inserts into another tenant's table`, `insert into sibling.people (id, name) values (99, 'x')`, SIBLING),
  sql('update', `updates another tenant's table`, `update sibling.people set n = 1`, SIBLING),
  sql('delete', `deletes from another tenant's table`, `delete from sibling.notes`, 'sibling.notes'),
  sql('delete-nothing', 'deletes no row, but would have', `delete from sibling.notes where false`, 'sibling.notes'),
  sql(
    'merge',
    `merges into another tenant's table`,
    `merge into sibling.notes s using notes p on s.id = p.id when matched then update set body = 'x'`,
    'sibling.notes',
  ),
  sql(
    'insert-cte',
    'writes in a WITH',
    `with w as (insert into sibling.people (id, name) values (99, 'x') returning id) select * from w`,
    SIBLING,
  ),
  sql(
    'upsert-public',
    'writes into public with ON CONFLICT',
    `insert into public.plans values (1, 'paid') on conflict (id) do update set title = excluded.title`,
    'public.plans',
  ),
  sql(
    'insert-hostile',
    'writes into a schema with a hostile name',
    `insert into "Vic""tim.x".people (id, name) values (99, 'x')`,
    '"Vic""tim.x".people',
  ),
  sql('insert-unmanaged', "writes into a schema that is nobody's", `insert into unmanaged.things values (2)`, 'unmanaged.things'),
  sql('truncate', `truncates another tenant's table`, `truncate sibling.notes`, 'sibling.notes'),
  js(
    'insert-builder',
    `inserts with Knex's builder`,
    `await knex.withSchema('sibling').table('people').insert({ id: 99, name: 'x' });`,
    SIBLING,
  ),
  js(
    'create-builder',
    `creates a table elsewhere with Knex's builder`,
    `await knex.schema.withSchema('public').createTable('junk', (t) => { t.increments('id'); });`,
    'public.junk',
  ),
  js(
    'nested-transaction',
    'writes in a nested transaction that it commits',
    `await knex.transaction(async (trx) => { await trx.raw("insert into sibling.people (id, name) values (99, 'x')"); });`,
    SIBLING,
  ),
  sql(
    'savepoint-released',
    'writes between a savepoint and its release',
    ['savepoint a', `insert into sibling.people (id, name) values (99, 'x')`, 'release savepoint a'],
    SIBLING,
  ),
  sql(
    'prepared-statement',
    'writes by PREPARE and EXECUTE',
    [`prepare p as insert into sibling.people (id, name) values (99, 'x')`, 'execute p'],
    SIBLING,
  ),
];

const paths: readonly EscapeAttempt[] = [
  sql(
    'path-set',
    'writes where SET search_path leads',
    ['set search_path to sibling', `insert into people (id, name) values (99, 'x')`],
    SIBLING,
  ),
  sql(
    'path-local',
    'writes where SET LOCAL search_path leads',
    [`set local search_path to "Vic""tim.x"`, 'delete from notes'],
    '"Vic""tim.x".notes',
  ),
  sql(
    'path-config',
    'writes where set_config leads',
    [`select set_config('search_path', 'sibling', true)`, 'update people set n = 3'],
    SIBLING,
  ),
  sql('path-public', 'creates a table where search_path leads', ['set search_path to public', 'create table junk (id int)'], 'public.junk'),
  sql(
    'path-function',
    'writes through a function that sets its own search_path',
    [`create function reach() returns void language sql set search_path = sibling as 'update people set n = 8'`, 'select reach()'],
    SIBLING,
  ),
];

const dynamic: readonly EscapeAttempt[] = [
  sql(
    'do-execute',
    'writes by EXECUTE in a DO block',
    `do $$ begin execute format('delete from %I.%I', 'sibling', 'notes'); end $$`,
    'sibling.notes',
  ),
  sql(
    'do-assembled',
    'writes by a statement that is put together from pieces',
    `do $$ begin execute 'ins' || 'ert into sib' || 'ling.notes (id, body) overriding system value values (99, 1)'; end $$`,
    'sibling.notes',
  ),
  sql('function-own', 'writes through a function of its own', ['select reach()'], SIBLING, { given: REACH }),
  sql('function-definer', 'writes through a SECURITY DEFINER function', [`select reach()`], SIBLING, {
    given: `${REACH} alter function acme.reach() security definer; grant execute on function acme.reach() to tenant_role;`,
    role: 'tenant_role',
  }),
  sql('function-foreign', `calls another tenant's function that writes`, 'select sibling.write()', SIBLING, {
    given: `create function sibling.write() returns int language sql as 'update sibling.people set n = 7 returning 1'`,
  }),
  sql('procedure', 'writes through a procedure', 'call reach()', SIBLING, {
    given: `create procedure acme.reach() language sql as 'update sibling.people set n = 7'`,
  }),
  sql('check-constraint', 'writes through the function of a check constraint', `insert into people (name) values ('y')`, SIBLING, {
    given: `${REACH} alter table acme.people add check (acme.reach() = 1) not valid;`,
  }),
  sql('column-default', 'writes through the function of a column default', `insert into people (name) values ('y')`, SIBLING, {
    given: `${REACH} alter table acme.people alter column n set default acme.reach();`,
  }),
];

const triggers: readonly EscapeAttempt[] = [
  sql('trigger', 'writes through a trigger on a table of its own', `insert into people (name) values ('y')`, SIBLING, {
    given: `${REACH_TRIGGER} create trigger reach after insert on acme.people for each row execute function acme.reach();`,
  }),
  sql(
    'trigger-deferred',
    'writes through a deferred constraint trigger, which fires at COMMIT',
    `insert into people (name) values ('y')`,
    SIBLING,
    {
      given: `${REACH_TRIGGER} create constraint trigger reach after insert on acme.people deferrable initially deferred for each row execute function acme.reach();`,
    },
  ),
  sql('trigger-instead', 'writes through an INSTEAD OF trigger of a view', `insert into doors (name) values ('y')`, SIBLING, {
    given: `create view acme.doors as select name from acme.people; ${REACH_TRIGGER} create trigger reach instead of insert on acme.doors for each row execute function acme.reach();`,
  }),
  sql(
    'trigger-history',
    `writes through a trigger on Knex's history table, which fires when the migration is recorded`,
    [
      `create function reach() returns trigger language plpgsql as $$ begin insert into public.audit (id, note) values (99, 'x'); return new; end $$`,
      'create trigger reach after insert on knex_migrations for each row execute function reach()',
    ],
    'public.audit',
  ),
  sql(
    'trigger-ledger-deferred',
    'writes through a deferred trigger on the ledger',
    [
      `create function reach() returns trigger language plpgsql as $$ begin insert into public.audit (id, note) values (99, 'x'); return new; end $$`,
      'create constraint trigger reach after insert on flotilla_ledger deferrable initially deferred for each row execute function reach()',
    ],
    'public.audit',
  ),
  sql('rule', 'writes through a rule on a table of its own', `insert into people (name) values ('y')`, 'sibling.notes', {
    given: `create rule reach as on insert to acme.people do also delete from sibling.notes;`,
  }),
  sql('view-updatable', `writes through a view of its own over another tenant's table`, `update door set n = 4`, SIBLING, {
    given: `create view acme.door as select * from sibling.people;`,
  }),
  sql('cascade-delete', `deletes another tenant's rows by ON DELETE CASCADE`, `delete from people where id = 1`, 'sibling.follows', {
    given: `create table sibling.follows (id int references acme.people on delete cascade); insert into sibling.follows values (1); delete from acme.notes;`,
  }),
  sql('cascade-update', `changes another tenant's rows by ON UPDATE CASCADE`, `update people set id = 99 where id = 1`, 'sibling.follows', {
    given: `create table sibling.follows (id int references acme.people on update cascade); insert into sibling.follows values (1); delete from acme.notes;`,
  }),
  sql('cascade-null', `changes another tenant's rows by ON DELETE SET NULL`, `delete from people where id = 1`, 'sibling.follows', {
    given: `create table sibling.follows (id int references acme.people on delete set null); insert into sibling.follows values (1); delete from acme.notes;`,
  }),
  sql('drop-cascade-view', `drops another tenant's view by DROP … CASCADE`, 'drop table notes cascade', 'sibling.seen', {
    given: `create view sibling.seen as select * from acme.notes;`,
  }),
  sql('drop-cascade-key', `drops another tenant's foreign key by DROP … CASCADE`, 'drop table people cascade', 'sibling.follows', {
    given: `create table sibling.follows (id int references acme.people);`,
  }),
  sql(
    'drop-column-cascade',
    `drops another tenant's view by DROP COLUMN … CASCADE`,
    'alter table people drop column score cascade',
    'sibling.seen',
    {
      given: `create view sibling.seen as select score from acme.people;`,
    },
  ),
  sql('truncate-cascade', `empties another tenant's table by TRUNCATE … CASCADE`, 'truncate people cascade', 'sibling.follows', {
    given: `create table sibling.follows (id int references acme.people); insert into sibling.follows values (1);`,
  }),
];

const roles: readonly EscapeAttempt[] = [
  sql('set-role', 'writes as another role', ['set role keeper', `insert into sibling.people (id, name) values (99, 'x')`], SIBLING),
  sql(
    'set-role-back',
    'writes as another role and comes back',
    ['set role keeper', 'update sibling.people set n = 2', 'reset role'],
    SIBLING,
  ),
  sql(
    'session-authorization',
    'writes under another session authorization',
    ['set session authorization keeper', 'update sibling.people set n = 2'],
    SIBLING,
  ),
  sql(
    'reset-role',
    `leaves its tenant's role by RESET ROLE and writes elsewhere`,
    ['reset role', 'update sibling.people set n = 2'],
    SIBLING,
    {
      role: 'tenant_role',
    },
  ),
  sql(
    'role-of-tenant-switched',
    `goes from its tenant's role to one that may more`,
    ['set role keeper', 'update sibling.people set n = 2'],
    SIBLING,
    {
      role: 'tenant_role',
    },
  ),
  sql('role-of-tenant', `writes elsewhere under its tenant's role, which may not`, 'update public.people set n = 2', 'permission denied', {
    role: 'tenant_role',
    code: 'FLT_PERMISSION_DENIED',
  }),
];

const sequences: readonly EscapeAttempt[] = [
  sql('sequence-alter', 'restarts a sequence elsewhere', 'alter sequence sibling.counter restart 500', 'sibling.counter'),
  sql(
    'sequence-owned',
    'hands a sequence elsewhere to another table',
    'alter sequence public.counter owned by public.people.n',
    'public.counter',
  ),
  sql('sequence-setval', 'sets a sequence elsewhere', `select setval('sibling.counter', 500)`, 'sibling.counter'),
  sql(
    'sequence-setval-path',
    'sets a sequence that search_path finds elsewhere',
    ['set search_path to public', `select setval('counter', 500)`],
    'public.counter',
  ),
  sql(
    'sequence-nextval',
    'draws from a sequence elsewhere',
    `insert into notes (body) select nextval('"Vic""tim.x".counter')`,
    '"Vic""tim.x".counter',
  ),
  unseen(
    sql(
      'sequence-setval-hidden',
      'sets a sequence elsewhere inside a DO block',
      `do $$ begin perform setval('sibling.counter', 500); end $$`,
      'sibling.counter',
    ),
    'refused and reported, but what a sequence was set to stays: Postgres never takes it back',
    'select last_value = 500 from sibling.counter',
    { refused: true },
  ),
  unseen(
    sql(
      'sequence-default',
      'draws from a sequence elsewhere by a column default',
      [`alter table people alter column n set default nextval('sibling.counter')`, `insert into people (name) values ('y')`],
      'sibling.counter',
    ),
    'refused and reported, but the number drawn stays drawn',
    'select is_called from sibling.counter',
    { refused: true },
  ),
  unseen(
    sql(
      'sequence-savepoint',
      'draws from a sequence elsewhere inside a savepoint that it rolls back',
      ['savepoint a', `do $$ begin perform nextval('sibling.counter'); end $$`, 'rollback to savepoint a'],
      'sibling.counter',
    ),
    'refused and reported, savepoint or not, but the number drawn stays drawn',
    'select is_called from sibling.counter',
    { refused: true },
  ),
];

const creates: readonly EscapeAttempt[] = [
  sql('create-table', 'creates a table elsewhere', 'create table sibling.junk (id int)', 'sibling.junk'),
  sql('create-table-public', 'creates a table in public', 'create table public.junk (id serial primary key)', 'public.junk'),
  sql('create-view', 'creates a view elsewhere', 'create view public.junk as select 1', 'public.junk'),
  sql('create-matview', 'creates a materialized view elsewhere', 'create materialized view public.junk as select 1', 'public.junk'),
  sql('create-sequence', 'creates a sequence elsewhere', 'create sequence sibling.junk', 'sibling.junk'),
  sql('create-index', `indexes another tenant's table`, 'create index junk on sibling.people (n)', SIBLING),
  sql(
    'create-trigger',
    `puts a trigger on another tenant's table`,
    'create trigger junk before insert on sibling.people for each row execute function sibling.keep()',
    SIBLING,
  ),
  sql(
    'create-rule',
    `puts a rule on another tenant's table`,
    'create rule junk as on delete to sibling.notes do instead nothing',
    'sibling.notes',
  ),
  sql('create-policy', `puts a policy on a table in public`, 'create policy junk on public.plans', 'public.plans'),
  sql(
    'create-function',
    'creates a function elsewhere',
    `create function public.junk() returns int language sql as 'select 1'`,
    'public.junk()',
  ),
  sql('create-procedure', 'creates a procedure elsewhere', `create procedure sibling.junk() language sql as 'select 1'`, 'sibling.junk()'),
  sql(
    'create-function-catalog',
    `creates a function in the server's own schema`,
    `create function pg_catalog.junk() returns int language sql as 'select 1'`,
    'pg_catalog.junk()',
  ),
  sql(
    'create-view-information',
    `creates a view in information_schema`,
    `create view information_schema.junk as select 1`,
    'information_schema.junk',
  ),
  sql(
    'create-aggregate',
    'creates an aggregate elsewhere',
    'create aggregate public.junk(int) (sfunc = int4pl, stype = int)',
    'public.junk(integer)',
  ),
  sql(
    'create-operator',
    'creates an operator elsewhere',
    'create operator public.==== (leftarg = int, rightarg = int, procedure = int4eq)',
    'public.====',
  ),
  sql('create-operator-family', 'creates an operator family elsewhere', 'create operator family sibling.junk using hash', 'sibling.junk'),
  sql('create-collation', 'creates a collation elsewhere', 'create collation public.junk from "C"', 'public.junk'),
  sql(
    'create-conversion',
    'creates a conversion elsewhere',
    `create conversion public.junk for 'LATIN1' to 'UTF8' from iso8859_1_to_utf8`,
    'public.junk',
  ),
  sql(
    'create-search-config',
    'creates a text search configuration elsewhere',
    'create text search configuration public.junk (copy = simple)',
    'public.junk',
  ),
  sql(
    'create-search-dictionary',
    'creates a text search dictionary elsewhere',
    'create text search dictionary sibling.junk (template = simple)',
    'sibling.junk',
  ),
  sql('create-statistics', 'creates statistics elsewhere', 'create statistics public.junk on n, score from people', 'public.junk'),
  sql('create-type', 'creates a composite type elsewhere', 'create type public.junk as (a int)', 'public.junk'),
  sql('create-enum', 'creates an enum elsewhere', `create type sibling.junk as enum ('a')`, 'sibling.junk'),
  sql('create-enum-empty', 'creates an enum without values elsewhere', `create type sibling.junk as enum ()`, 'sibling.junk'),
  sql('create-range', 'creates a range type elsewhere', 'create type public.junk as range (subtype = int4)', 'public.junk'),
  sql('create-shell-type', 'announces a base type elsewhere', 'create type public.junk', 'public.junk'),
  sql('create-domain', 'creates a domain elsewhere', 'create domain public.junk as int check (value > 0)', 'public.junk'),
  sql(
    'create-domain-path',
    'creates a domain where search_path leads',
    ['set search_path to public', 'create domain junk as text'],
    'public.junk',
  ),
  sql(
    'create-domain-do',
    'creates a domain elsewhere in a DO block',
    'do $$ begin create domain public.junk as int; end $$',
    'public.junk',
  ),
  unseen(
    sql(
      'create-domain-assembled',
      'creates a domain elsewhere by a statement put together from pieces',
      `do $$ begin execute 'create dom' || 'ain public.junk as int'; end $$`,
    ),
    'a domain leaves no lock and no count but among all types; that is looked at where the text says CREATE DOMAIN',
    `select exists (select from pg_type where typname = 'junk')`,
  ),
  sql('create-table-as', `fills a table of its own from another tenant's`, 'create table copy as select * from sibling.people', SIBLING),
];

const alters: readonly EscapeAttempt[] = [
  sql('alter-table', `adds a column to another tenant's table`, 'alter table sibling.people add column junk int', SIBLING),
  sql('alter-table-owner', 'gives a table elsewhere to another role', 'alter table public.plans owner to keeper', 'public.plans'),
  sql('rename-table', 'renames a table elsewhere', 'alter table sibling.people rename to persons', 'sibling.persons'),
  sql('rename-column', 'renames a column elsewhere', 'alter table public.plans rename column title to name', 'public.plans'),
  sql('alter-enum', 'adds a value to an enum elsewhere', `alter type sibling.mood add value 'so-so'`, 'sibling.mood'),
  sql('rename-enum-value', 'renames a value of an enum elsewhere', `alter type public.mood rename value 'bad' to 'worse'`, 'public.mood'),
  sql('rename-type', 'renames a type elsewhere', 'alter type public.mood rename to humour', 'public.humour'),
  sql('alter-type-owner', 'gives a type elsewhere to another role', 'alter type sibling.mood owner to keeper', 'sibling.mood'),
  sql('alter-composite', 'adds an attribute to a composite type elsewhere', 'alter type public.pair add attribute c int', 'public.pair'),
  sql('alter-domain', 'gives a domain elsewhere another default', 'alter domain public.age set default 21', 'public.age'),
  sql(
    'alter-domain-add',
    'adds a constraint to a domain elsewhere',
    'alter domain public.age add constraint junk check (value < 200)',
    'public.age',
  ),
  sql('alter-domain-drop', 'drops a constraint of a domain elsewhere', 'alter domain sibling.age drop constraint adult', 'sibling.age'),
  sql(
    'alter-domain-rename-constraint',
    'renames a constraint of a domain elsewhere',
    'alter domain sibling.age rename constraint adult to grown',
    'sibling.age',
  ),
  sql('alter-function', 'changes a function elsewhere', 'alter function public.one() cost 9', 'public.one()'),
  sql(
    'replace-function',
    'replaces a function elsewhere',
    `create or replace function sibling.one() returns int language sql as 'select 2'`,
    'sibling.one()',
  ),
  sql('rename-function', 'renames a function elsewhere', 'alter function sibling.one() rename to uno', 'sibling.uno()'),
  sql('alter-function-owner', 'gives a function elsewhere to another role', 'alter function public.one() owner to keeper', 'public.one()'),
  sql('alter-operator', 'changes an operator elsewhere', 'alter operator public.=== (int, int) set (restrict = eqsel)', 'public.==='),
  sql(
    'alter-operator-family',
    'adds an operator to a family elsewhere',
    'alter operator family public.family using btree add operator 1 < (int, int)',
    'public.family',
  ),
  sql('rename-collation', 'renames a collation elsewhere', 'alter collation public.plain rename to junk', 'public.junk'),
  sql('alter-statistics', 'changes statistics elsewhere', 'alter statistics public.together set statistics 10', 'public.together'),
  sql(
    'search-mapping-add',
    'maps a token type of a text search configuration elsewhere',
    'alter text search configuration public.words alter mapping for word with english_stem',
    'public.words',
  ),
  sql(
    'search-mapping-drop',
    'drops a mapping of a text search configuration elsewhere',
    'alter text search configuration public.words drop mapping for word',
    'public.words',
  ),
  sql(
    'alter-search-dictionary',
    'changes a text search dictionary elsewhere',
    'alter text search dictionary sibling.stems (accept = false)',
    'sibling.stems',
  ),
  sql(
    'alter-view',
    `changes a view elsewhere`,
    `create or replace view public.names as select id, name, 1 as one from public.people`,
    'public.names',
  ),
  sql('refresh', 'refreshes a materialized view elsewhere', 'refresh materialized view sibling.totals', 'sibling.totals'),
  sql('cluster', 'clusters a table elsewhere', 'cluster public.people using people_pkey', 'public.people'),
  sql('reindex', 'rebuilds an index elsewhere', 'reindex table public.people', 'public.people'),
  sql('analyze', 'analyzes a table elsewhere', 'analyze sibling.people', SIBLING),
  sql('analyze-all', 'analyzes the whole database', 'analyze', 'and '),
  sql('comment-table', 'comments on a table elsewhere', `comment on table sibling.people is 'junk'`, SIBLING),
  sql('comment-column', 'comments on a column elsewhere', `comment on column public.plans.title is 'junk'`, 'public.plans'),
  sql('comment-function', 'comments on a function elsewhere', `comment on function public.one() is 'junk'`, 'public.one()'),
  sql('comment-trigger', 'comments on a trigger elsewhere', `comment on trigger keep on public.people is 'junk'`, 'public.people'),
  sql('comment-constraint', 'comments on a constraint elsewhere', `comment on constraint sane on public.people is 'junk'`, 'public.people'),
  sql(
    'comment-domain-constraint',
    'comments on a constraint of a domain elsewhere',
    `comment on constraint adult on domain public.age is 'junk'`,
    'public.age',
  ),
  sql('comment-type', 'comments on a type elsewhere', `comment on type sibling.mood is 'junk'`, 'sibling.mood'),
  sql('comment-schema', 'comments on a schema', `comment on schema sibling is 'junk'`, 'schema sibling'),
  sql(
    'catalog-update',
    `writes into a catalog of the server by hand`,
    `update pg_class set relname = 'persons' where oid = 'sibling.people'::regclass`,
    'pg_catalog.pg_class',
  ),
  sql(
    'catalog-delete',
    `deletes from a catalog of the server by hand`,
    `delete from pg_enum where enumtypid = 'sibling.mood'::regtype`,
    'pg_catalog.pg_enum',
  ),
];

const drops: readonly EscapeAttempt[] = [
  sql('drop-table', 'drops a table elsewhere', 'drop table sibling.notes', 'sibling.notes'),
  sql(
    'drop-table-hidden',
    'drops a table elsewhere by a statement put together from pieces',
    `do $$ begin execute 'dr' || 'op table sibling.notes'; end $$`,
    'sibling.notes',
  ),
  sql(
    'drop-and-create',
    'replaces a table elsewhere by one of the same name',
    ['drop table public.plans', 'create table public.plans (id int)'],
    'public.plans',
  ),
  sql('drop-view', 'drops a view elsewhere', 'drop view public.names', 'public.names'),
  sql('drop-index', 'drops an index elsewhere', 'drop index sibling.people_name', SIBLING),
  sql('drop-sequence', 'drops a sequence elsewhere', 'drop sequence sibling.counter', 'sibling.counter'),
  sql('drop-function', 'drops a function elsewhere', 'drop function sibling.one()', 'sibling.one()'),
  sql(
    'drop-function-hidden',
    'drops a function elsewhere by a statement put together from pieces',
    `do $$ begin execute 'dr' || 'op function public.one()'; end $$`,
    'public.one()',
  ),
  sql('drop-aggregate', 'drops an aggregate elsewhere', 'drop aggregate public.total(int)', 'public.total(integer)'),
  sql('drop-operator', 'drops an operator elsewhere', 'drop operator sibling.=== (int, int)', 'sibling.==='),
  sql('drop-operator-family', 'drops an operator family elsewhere', 'drop operator family sibling.family using btree', 'sibling.family'),
  sql('drop-type', 'drops an enum elsewhere', 'drop type public.mood', 'public.mood'),
  sql('drop-range', 'drops a range type elsewhere', 'drop type public.span', 'public.span'),
  sql('drop-domain', 'drops a domain elsewhere', 'drop domain sibling.age', 'sibling.age'),
  sql('drop-collation', 'drops a collation elsewhere', 'drop collation sibling.plain', 'sibling.plain'),
  sql('drop-search-config', 'drops a text search configuration elsewhere', 'drop text search configuration public.words', 'public.words'),
  sql('drop-statistics', 'drops statistics elsewhere', 'drop statistics public.together', 'public.together'),
  sql('drop-trigger', 'drops a trigger elsewhere', 'drop trigger keep on sibling.people', SIBLING),
  sql('drop-policy', 'drops a policy elsewhere', 'drop policy all_of_it on public.people', 'public.people'),
  sql('drop-default', 'drops a column default elsewhere', 'alter table public.people alter column n drop default', 'public.people'),
  sql('drop-owned', 'drops all that a role owns and may', 'drop owned by clerk', 'default'),
];

const moves: readonly EscapeAttempt[] = [
  sql('move-out', 'moves a table of its own elsewhere', 'alter table events_1 set schema unmanaged', 'unmanaged.events_1'),
  sql('move-in', `moves another tenant's table into its own schema`, 'alter table sibling.names set schema acme', 'sibling.names'),
  sql('move-in-table', 'moves a table of public into its own schema', 'alter table public.plans set schema acme', 'public.plans'),
  sql(
    'move-in-hidden',
    'moves a table into its own schema by a statement put together from pieces',
    `do $$ begin execute 'alter table public.plans set ' || 'schema acme'; end $$`,
    'public.plans',
  ),
  sql(
    'move-in-sequence',
    'moves a sequence into its own schema',
    ['drop sequence counter', 'alter sequence sibling.counter set schema acme'],
    'sibling.counter',
  ),
  sql('move-in-function', 'moves a function into its own schema', 'alter function public.one() set schema acme', 'public.one()'),
  sql(
    'move-out-function',
    'moves a function of its own elsewhere',
    [`create function mine() returns int language sql as 'select 1'`, 'alter function mine() set schema sibling'],
    'sibling.mine()',
  ),
  sql('move-in-type', 'moves a type into its own schema', 'alter type public.mood set schema acme', 'public.mood'),
  sql('move-out-type', 'moves a type of its own elsewhere', `alter type acme.mine set schema public`, 'public.mine', {
    given: `create type acme.mine as enum ('a');`,
  }),
  sql('move-in-composite', 'moves a composite type into its own schema', 'alter type sibling.pair set schema acme', 'sibling.pair'),
  sql(
    'move-in-search-config',
    'moves a text search configuration into its own schema',
    'alter text search configuration public.words set schema acme',
    'public.words',
  ),
  sql('move-in-statistics', 'moves statistics into its own schema', 'alter statistics public.together set schema acme', 'public.together'),
  sql(
    'attach-foreign',
    `attaches another tenant's table as a partition`,
    `alter table events attach partition public.loose for values from (100) to (200)`,
    'public.loose',
  ),
  sql(
    'attach-own',
    `attaches a table of its own to another tenant's`,
    [`create table mine (id int, at date)`, `alter table sibling.events attach partition mine for values from (100) to (200)`],
    'sibling.events',
  ),
  sql(
    'partition-of',
    `creates a partition of a table elsewhere`,
    `create table mine partition of public.events for values from (100) to (200)`,
    'public.events',
  ),
  sql('detach', `detaches another tenant's partition`, `alter table sibling.events detach partition sibling.events_1`, 'sibling.events'),
  sql('inherit', 'inherits from a table elsewhere', 'create table mine () inherits (public.plans)', 'public.plans'),
  sql(
    'inherit-later',
    `makes a table of its own a child of another tenant's`,
    ['create table mine (like sibling.events)', 'create table sibling.junk (like sibling.events)', 'alter table mine inherit sibling.junk'],
    'sibling.junk',
  ),
  sql(
    'foreign-key',
    `points a foreign key at another tenant's table`,
    'alter table notes add foreign key (person) references sibling.people',
    SIBLING,
  ),
  sql(
    'foreign-key-public',
    'points a foreign key at a table in public',
    'create table mine (plan int references public.plans)',
    'public.plans',
  ),
];

const schemas: readonly EscapeAttempt[] = [
  sql('create-schema', 'creates a schema', 'create schema junk', 'schema junk'),
  sql('rename-schema', `renames another tenant's schema`, 'alter schema sibling rename to junk', 'schema junk'),
  sql('rename-own-schema', 'renames the schema that it is in', 'alter schema acme rename to junk', 'does not exist', {
    code: 'FLT_SQL_ERROR',
  }),
  sql('alter-schema-owner', `gives another tenant's schema to another role`, 'alter schema sibling owner to keeper', 'schema sibling'),
  sql('drop-schema', `drops another tenant's schema`, 'drop schema unmanaged cascade', 'unmanaged'),
  sql('grant-schema', `grants a right on another tenant's schema`, 'grant usage on schema sibling to clerk', 'schema sibling'),
  sql('grant-table', 'grants a right on a table in public', 'grant select on public.plans to clerk', 'public.plans'),
  sql('grant-table-sibling', `grants a right on another tenant's table`, 'grant select on sibling.notes to clerk', 'sibling.notes'),
  sql(
    'grant-path',
    'grants a right on a table that search_path finds elsewhere',
    ['set search_path to public', 'grant select on plans to clerk'],
    'public.plans',
  ),
  sql('grant-column', 'grants a right on a column in public', 'grant select (title) on public.plans to clerk', 'public.plans'),
  sql('grant-sequence', 'grants a right on a sequence elsewhere', 'grant usage on sequence public.counter to clerk', 'public.counter'),
  sql(
    'grant-all',
    `grants a right on all tables of another tenant's schema`,
    'grant insert on all tables in schema sibling to clerk',
    SIBLING,
  ),
  sql(
    'grant-do',
    'grants a right on tables in public in a DO block',
    `do $$ begin grant select on public.plans to public; end $$`,
    'public.plans',
  ),
  unseen(
    sql(
      'grant-assembled',
      'grants a right on a table elsewhere by a statement put together from pieces',
      `do $$ begin execute 'gra' || 'nt select on public.plans to public'; end $$`,
    ),
    'a right on a table leaves no lock and no count of its own; it is looked for where the text says GRANT or REVOKE',
    `select relacl::text ~ '=r/' from pg_class where oid = 'public.plans'::regclass`,
  ),
  sql('revoke-table', `revokes a right on another tenant's table`, 'revoke select on sibling.people from clerk', SIBLING),
  sql('grant-function', 'grants a right on a function elsewhere', 'grant execute on function public.one() to clerk', 'public.one()'),
  sql(
    'revoke-catalog',
    `revokes a right on a function of the server's own`,
    'revoke execute on function pg_catalog.pg_sleep(float8) from public',
    'pg_catalog.pg_sleep',
  ),
  sql('grant-type', 'grants a right on a type elsewhere', 'grant usage on type public.mood to clerk', 'public.mood'),
  sql(
    'grant-database',
    'grants a right on the database',
    `do $$ begin execute format('grant create on database %I to clerk', current_database()); end $$`,
    'database ',
  ),
  sql(
    'default-privileges',
    'changes the default privileges of the whole database',
    'alter default privileges grant select on tables to clerk',
    'default',
  ),
  sql(
    'default-privileges-elsewhere',
    `changes the default privileges in another tenant's schema`,
    'alter default privileges in schema sibling grant insert on tables to clerk',
    'sibling',
  ),
  sql(
    'default-privileges-revoke',
    `takes back the default privileges in another tenant's schema`,
    'alter default privileges in schema sibling revoke select on tables from clerk',
    'sibling',
  ),
];

const cluster: readonly EscapeAttempt[] = [
  sql('create-extension', 'creates an extension', 'create extension hstore with schema ext', 'extension hstore'),
  sql('drop-extension', 'drops an extension', 'drop extension citext', 'citext'),
  sql('move-extension', 'moves an extension to another schema', 'alter extension dblink set schema public', 'dblink'),
  unseen(
    sql('extension-member', 'puts a function of its own into an extension', [
      `create function mine() returns int language sql as 'select 1'`,
      'alter extension citext add function mine()',
    ]),
    'a member of an extension is one row among all dependencies of the database',
    `select exists (select from pg_depend where classid = 'pg_proc'::regclass and objid = 'acme.mine()'::regprocedure and deptype = 'e')`,
  ),
  sql('create-role', 'creates a role', 'create role junk', 'role junk'),
  sql('alter-role', 'lets a role log in', 'alter role clerk login', 'role clerk'),
  sql('rename-role', 'renames a role', 'alter role clerk rename to junk', 'role junk'),
  sql('drop-role', 'drops a role', 'drop role crew', 'role crew'),
  sql('grant-role', 'makes a role a member of another', 'grant keeper to clerk', 'keeper'),
  sql('revoke-role', 'takes a membership away', 'revoke crew from clerk', 'crew'),
  sql('role-setting', 'changes a setting of a role', `alter role clerk set statement_timeout = '1s'`, 'clerk'),
  sql('role-setting-reset', 'resets a setting of a role', 'alter role clerk reset work_mem', 'clerk'),
  sql('comment-role', 'comments on a role', `comment on role clerk is 'junk'`, 'role clerk'),
  sql(
    'database-setting',
    'changes a setting of the database',
    `do $$ begin execute format('alter database %I set work_mem = %L', current_database(), '7MB'); end $$`,
    'the database',
  ),
  sql('database-limit', 'limits the connections of another database', 'alter database postgres connection limit 50', 'database postgres'),
  sql('database-comment', 'comments on a database', `comment on database postgres is 'junk'`, 'database postgres'),
  sql('parameter-grant', 'grants a right on a parameter of the server', 'grant set on parameter log_statement to clerk', 'log_statement'),
  sql('large-object-create', 'creates a large object', 'select lo_create(0)', 'large object'),
  sql('large-object-bytes', 'creates a large object from bytes', `select lo_from_bytea(0, 'x')`, 'large object'),
  sql('large-object-put', 'writes into a large object', `select lo_put(4711, 0, 'zz')`, 'large object 4711'),
  sql('large-object-truncate', 'cuts a large object at a page', `select lo_truncate(lo_open(4711, 131072), 2048)`, 'large object 4711'),
  sql('large-object-unlink', 'drops a large object', 'select lo_unlink(4711)', '4711'),
  sql('large-object-grant', 'grants a right on a large object', 'grant select on large object 4711 to clerk', 'large object 4711'),
  sql('publication-create', 'creates a publication', 'create publication junk for table people', 'publication junk'),
  sql('publication-add', 'adds a table of its own to a publication', 'alter publication stream add table people', 'publication'),
  sql('publication-drop', 'drops a publication', 'drop publication stream', 'stream'),
  sql(
    'subscription',
    'creates a subscription',
    `create subscription junk connection 'host=nowhere' publication stream with (connect = false)`,
    'subscription junk',
  ),
  sql('replication-origin', 'creates a replication origin', `select pg_replication_origin_create('junk')`, 'junk'),
  sql('wrapper', 'creates a foreign data wrapper', 'create foreign data wrapper junk', 'junk'),
  sql('server', 'creates a foreign server', 'create server junk foreign data wrapper idle_wrapper', 'server junk'),
  sql('user-mapping', 'creates a user mapping', 'create user mapping for clerk server idle_server', 'clerk'),
  sql(
    'event-trigger',
    'creates an event trigger',
    [
      `create function watch() returns event_trigger language plpgsql as 'begin end'`,
      'create event trigger junk on ddl_command_end execute function watch()',
    ],
    'event trigger junk',
  ),
  sql(
    'cast',
    'creates a cast between types that are not its own',
    'create cast (public.mood as sibling.mood) with inout',
    'cast (public.mood AS sibling.mood)',
  ),
  sql(
    'transform',
    'creates a transform of a type that is not its own',
    'create transform for int language sql (from sql with function prsd_lextype(internal), to sql with function int4recv(internal))',
    'transform',
  ),
  sql('language', 'creates a language', 'create language junk handler plpgsql_call_handler', 'language junk'),
  sql(
    'access-method',
    'creates an access method',
    'create access method junk type table handler heap_tableam_handler',
    'access method junk',
  ),
  sql('system-setting', 'changes a setting of the server', `alter system set work_mem = '9MB'`, 'ALTER SYSTEM cannot run inside', {
    code: 'FLT_SQL_ERROR',
  }),
  sql('create-database', 'creates a database', 'create database junk', 'CREATE DATABASE cannot run inside', { code: 'FLT_SQL_ERROR' }),
  sql('create-tablespace', 'creates a tablespace', `create tablespace junk location '/tmp'`, 'CREATE TABLESPACE cannot run inside', {
    code: 'FLT_SQL_ERROR',
  }),
  sql('vacuum', 'vacuums the whole database', 'vacuum', 'VACUUM cannot run inside', { code: 'FLT_SQL_ERROR' }),
  sql('reindex-schema', 'rebuilds every index of a schema', 'reindex schema sibling', 'cannot run inside', { code: 'FLT_SQL_ERROR' }),
];

const locksAndReads: readonly EscapeAttempt[] = [
  sql('lock-table', `locks another tenant's table`, 'lock table sibling.people in share mode', SIBLING),
  sql('lock-table-weak', `locks a table in public, however weakly`, 'lock table public.plans in row share mode', 'public.plans'),
  sql('for-update', `locks another tenant's rows`, 'select * from sibling.people for update', SIBLING),
  sql('for-key-share', 'locks rows in public', 'select * from public.plans for key share', 'public.plans'),
  sql('read', `reads another tenant's table`, 'select * from sibling.people', SIBLING),
  sql('read-hostile', 'reads a tenant with a hostile name', 'select * from "Vic""tim.x".people', '"Vic""tim.x".people'),
  sql('read-knex', `reads a schema that only Knex has migrated`, 'select * from legacy.people', 'legacy.people'),
  unseen(
    sql('read-unmanaged', 'reads a schema without a history', 'select * from unmanaged.things'),
    "a schema without a ledger and without a history of Knex is nobody's; only changes and locks there are refused",
    'select true',
  ),
  sql('read-view', `reads another tenant's table through a view of its own`, 'select * from door', SIBLING, {
    given: `create view acme.door as select * from sibling.people;`,
  }),
  sql('read-function', `reads another tenant's table through its function`, 'select sibling.head()', SIBLING),
  sql('read-cte', `reads another tenant's table in a WITH`, 'with w as (select * from sibling.people) select count(*) from w', SIBLING),
  sql('read-prepared', `reads another tenant's table by EXECUTE`, ['prepare p as select * from sibling.people', 'execute p'], SIBLING),
  sql(
    'read-cursor',
    `reads another tenant's table through a cursor`,
    ['declare c cursor for select * from sibling.people', 'fetch 2 from c', 'close c'],
    SIBLING,
  ),
  sql(
    'read-cursor-hold',
    `reads another tenant's table through a cursor WITH HOLD`,
    'declare c cursor with hold for select * from sibling.people',
    SIBLING,
  ),
  sql('read-copy', `copies another tenant's rows to the client`, 'copy sibling.people to stdout', SIBLING),
  sql('read-into', `fills its own table from another tenant's`, 'insert into notes (body) select name from sibling.people', SIBLING),
  sql('read-sequence', `reads another tenant's sequence`, 'select last_value from sibling.counter', 'sibling.counter'),
  sql('read-view-create', `creates a view over another tenant's table`, 'create view door as select * from sibling.people', SIBLING),
  sql('read-like', `creates a table like another tenant's`, 'create table mine (like sibling.people)', SIBLING),
  sql(
    'cursor-writes',
    'would write elsewhere through a cursor WITH HOLD that is read at COMMIT',
    [`declare c cursor with hold for select reach() from people`],
    undefined,
    { given: REACH, code: null },
  ),
];

const ends: readonly EscapeAttempt[] = [
  sql('commit', 'commits what it has done elsewhere', [`insert into sibling.people (id, name) values (99, 'x')`, 'commit'], 'COMMIT', {
    code: 'FLT_STRAY_TRANSACTION',
  }),
  sql('end', 'ends its transaction by END', [`insert into sibling.people (id, name) values (99, 'x')`, 'end'], 'COMMIT', {
    code: 'FLT_STRAY_TRANSACTION',
  }),
  sql(
    'commit-in-text',
    'commits between two statements of one text',
    `insert into sibling.people (id, name) values (99, 'x'); commit; begin`,
    'COMMIT',
    { code: 'FLT_STRAY_TRANSACTION' },
  ),
  sql('commit-commented', 'commits behind a comment', `/* begin */ -- ; \n commit`, 'COMMIT', { code: 'FLT_STRAY_TRANSACTION' }),
  sql(
    'commit-chain',
    'commits and goes on in a new transaction',
    [`insert into sibling.people (id, name) values (99, 'x')`, 'commit and chain'],
    'COMMIT',
    { code: 'FLT_STRAY_TRANSACTION' },
  ),
  js(
    'commit-long-text',
    'commits in a text of half a million characters',
    `await knex.raw("insert into sibling.people (name) values ('" + 'end '.repeat(125000) + "'); commit; begin");`,
    'COMMIT',
    { code: 'FLT_STRAY_TRANSACTION' },
  ),
  sql(
    'rollback',
    'rolls its transaction back and goes on',
    ['rollback', `insert into sibling.people (id, name) values (99, 'x')`],
    'ROLLBACK',
    {
      code: 'FLT_STRAY_TRANSACTION',
    },
  ),
  sql('begin', 'begins a transaction of its own', 'begin', 'BEGIN', { code: 'FLT_STRAY_TRANSACTION' }),
  sql(
    'prepare-transaction',
    'prepares its transaction for somebody else to commit',
    [`insert into sibling.people (id, name) values (99, 'x')`, `prepare transaction 'junk'`],
    'PREPARED',
    { code: 'FLT_STRAY_TRANSACTION' },
  ),
  sql('commit-prepared', `commits somebody's prepared transaction`, `commit prepared 'other'`, 'PREPARED', {
    code: 'FLT_STRAY_TRANSACTION',
  }),
  sql(
    'do-commit',
    'commits inside a DO block',
    `do $$ begin insert into sibling.people (id, name) values (99, 'x'); commit; end $$`,
    'ended or broke',
    { code: 'FLT_STRAY_TRANSACTION' },
  ),
  sql('call-commit', 'calls a procedure that commits', 'call reach()', 'ended or broke', {
    code: 'FLT_STRAY_TRANSACTION',
    given: `create procedure acme.reach() language plpgsql as $$ begin insert into sibling.people (id, name) values (99, 'x'); commit; end $$;`,
  }),
  js(
    'knex-commit',
    `commits through Knex's handle`,
    `await knex.raw("insert into sibling.people (id, name) values (99, 'x')"); await knex.commit();`,
    SIBLING,
  ),
];

const CONNECTION = { code: 'FLT_CONNECTION_ESCAPE' } as const;
const connections: readonly EscapeAttempt[] = [
  js(
    'connection-acquired',
    'takes the raw connection out of its handle',
    `const c = await knex.client.acquireConnection(); await c.query("update sibling.people set n = 1");`,
    'raw connection',
    CONNECTION,
  ),
  outsideJs(
    'connection-pool',
    `takes the raw connection out of its handle's pool`,
    `const c = await knex.client.pool.acquire().promise; await c.query("update sibling.people set n = 1");`,
    'raw connection',
    CONNECTION,
  ),
  js(
    'connection-opened',
    'has its handle open another connection',
    `await knex.client.acquireRawConnection();`,
    'another connection',
    CONNECTION,
  ),
  js(
    'connection-cancel',
    'has its handle cancel a query, which dials out',
    `await knex.client.cancelQuery({});`,
    'another connection',
    CONNECTION,
  ),
  outsideJs(
    'connection-again',
    `makes a second handle from its handle's config`,
    `const again = require(${packageAt('knex')})(knex.client.config); await again.raw("update sibling.people set n = 1");`,
    'raw connection',
    CONNECTION,
  ),
  js(
    'connection-config',
    `looks for the connection in its handle's config`,
    `const seen = new Set(); const find = (it) => { if (!it || typeof it !== 'object' || seen.has(it)) return; seen.add(it); if (typeof it.query === 'function' && it.processID) throw it.query('commit') ; for (const key of Reflect.ownKeys(it)) { let value; try { value = it[key]; } catch { continue; } find(value); } }; find(knex.client.config); find(knex.context); await knex.raw("update sibling.people set n = 1");`,
    SIBLING,
  ),
  unseen(
    js(
      'connection-own',
      'opens a connection of its own with pg',
      `const { Client } = require(${packageAt('pg')}); const c = new Client('{{url}}'); await c.connect(); await c.query("update sibling.people set n = 77"); await c.end();`,
    ),
    'a file is a program in the process of the worker: what it opens by itself, with a credential that it finds, is not seen',
    `select bool_and(n = 77) from sibling.people`,
  ),
  unseen(
    js(
      'connection-knex',
      'opens a connection of its own with Knex',
      `const own = require(${packageAt('knex')})({ client: 'pg', connection: '{{url}}' }); await own.raw("update sibling.people set n = 78"); await own.destroy();`,
    ),
    'the same',
    `select bool_and(n = 78) from sibling.people`,
  ),
];

/** What reaches past the transaction, and past the database. */
const beyond: readonly EscapeAttempt[] = [
  unseen(
    sql('dblink', 'writes through dblink', `select ext.dblink_exec('{{dsn}}', 'update sibling.people set n = 79')`),
    'another session, which the server opens; without the extension it cannot be',
    `select bool_and(n = 79) from sibling.people`,
  ),
  unseen(
    sql('foreign-table', 'writes through a foreign table of its own', 'update far set n = 80'),
    'another session, which the server opens; the foreign server and its user mapping have to be there',
    `select bool_and(n = 80) from sibling.people`,
    {
      given: `create server loop foreign data wrapper postgres_fdw options (host '127.0.0.1', port '{{port}}', dbname '{{database}}');
        create user mapping for public server loop options (user '{{user}}', password '{{password}}');
        create foreign table acme.far (id int, n int) server loop options (schema_name 'sibling', table_name 'people');`,
    },
  ),
  unseen(
    sql('copy-program', 'runs a program on the server', `copy (select 1) to program 'cat > /tmp/flotilla-escape-program'`),
    'needs the rights of pg_execute_server_program; do not give them to the runner',
    `select (pg_stat_file('/tmp/flotilla-escape-program', true)).size is not null`,
  ),
  unseen(
    sql('copy-file', 'writes a file on the server', `copy (select 1) to '/tmp/flotilla-escape-file'`),
    'needs the rights of pg_write_server_files; do not give them to the runner',
    `select (pg_stat_file('/tmp/flotilla-escape-file', true)).size is not null`,
  ),
  unseen(sql('notify', 'notifies whoever listens', `select pg_notify('escapes', 'x')`), 'sent at COMMIT, and touches nothing'),
  unseen(
    sql(
      'terminate',
      'ends the session of somebody else',
      `select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'escapes bystander'`,
    ),
    'a signal, which no transaction takes back; needs the same role or pg_signal_backend',
    `select not exists (select from pg_stat_activity where application_name = 'escapes bystander')`,
  ),
  unseen(
    sql('advisory-lock', 'takes an advisory lock that somebody else may wait for', 'select pg_advisory_lock(4711)'),
    'a number belongs to nobody; it is freed when the next tenant begins',
    'select true',
  ),
  unseen(
    sql('replication-slot', 'creates a replication slot', `select pg_create_physical_replication_slot('escapes')`),
    'takes part in no transaction; needs the REPLICATION attribute',
    `select exists (select from pg_replication_slots where slot_name = 'escapes')`,
  ),
  unseen(
    sql('acts-later', 'creates a function of its own that will reach elsewhere when it is called', REACH.replaceAll('acme.', '')),
    'nothing has happened yet; a migration that calls it is caught',
    `select exists (select from pg_proc where proname = 'reach')`,
  ),
  unseen(
    sql('foreign-type', `uses another tenant's type for a column of its own`, 'create table mine (mood sibling.mood)'),
    'a reference to a type takes no lock; the other tenant cannot drop its type any more',
    `select to_regclass('acme.mine') is not null`,
  ),
];

const bare: readonly EscapeAttempt[] = [
  outside(
    'index',
    `builds an index CONCURRENTLY on another tenant's table`,
    'create index concurrently junk on sibling.people (n)',
    '"sibling"."people"',
  ),
  outside(
    'index-path',
    'builds an index CONCURRENTLY where search_path leads',
    ['set search_path to sibling', 'create index concurrently junk on people (n)'],
    '"sibling"."people"',
  ),
  outside(
    'index-hostile',
    'builds an index CONCURRENTLY in a schema with a hostile name',
    'create index concurrently on "Vic""tim.x".people (n)',
    '"Vic""tim.x"."people"',
  ),
  outside('drop-index', `drops another tenant's index CONCURRENTLY`, 'drop index concurrently sibling.people_name', 'people_name'),
  outside(
    'drop-index-path',
    'drops an index CONCURRENTLY where search_path leads',
    ['set search_path to public', 'drop index concurrently people_name'],
    'people_name',
  ),
  outside('reindex', `rebuilds another tenant's table CONCURRENTLY`, 'reindex table concurrently sibling.people', 'people'),
  outside('reindex-index', `rebuilds another tenant's index CONCURRENTLY`, 'reindex index concurrently sibling.people_name', 'people_name'),
  outside('reindex-plain', `rebuilds a table elsewhere, not CONCURRENTLY`, 'reindex table sibling.people', SIBLING),
  outside('reindex-schema', 'rebuilds a whole schema', 'reindex schema sibling', 'REINDEX SCHEMA'),
  outside('reindex-database', 'rebuilds the whole database', 'reindex database', 'REINDEX DATABASE'),
  outside('reindex-system', 'rebuilds the catalogs', 'reindex system', 'REINDEX SYSTEM'),
  outside(
    'detach',
    `detaches another tenant's partition CONCURRENTLY`,
    'alter table sibling.events detach partition sibling.events_1 concurrently',
    'events',
  ),
  outside('vacuum', `vacuums another tenant's table`, 'vacuum sibling.people', 'people'),
  outside('vacuum-list', `vacuums a table of its own and one of another tenant`, 'vacuum people, sibling.people', 'people'),
  outside(
    'vacuum-path',
    'vacuums where search_path leads',
    [`select set_config('search_path', 'public', false)`, 'vacuum full plans'],
    'plans',
  ),
  outside('vacuum-all', 'vacuums the whole database', 'vacuum', 'VACUUM of the whole database'),
  outside('cluster-all', 'clusters the whole database', 'cluster', 'CLUSTER of the whole database'),
  outside('analyze-all', 'analyzes the whole database', 'analyze', 'and '),
  outside('create-database', 'creates a database', 'create database junk', 'CREATE DATABASE'),
  outside('drop-database', 'drops a database', 'drop database if exists neighbour', 'DROP DATABASE'),
  outside('system-setting', 'changes a setting of the server', `alter system set work_mem = '9MB'`, 'ALTER SYSTEM'),
  outside('tablespace', 'creates a tablespace', `create tablespace junk location '/tmp'`, 'CREATE TABLESPACE'),
  outside(
    'subscription',
    'creates a subscription',
    `create subscription junk connection 'host=nowhere' publication stream with (connect = false)`,
    'CREATE SUBSCRIPTION',
  ),
  outside('move-database', 'moves the database to another tablespace', `alter database postgres set tablespace pg_default`, 'cannot', {
    code: 'FLT_SQL_ERROR',
  }),
];

const wrapped: readonly EscapeAttempt[] = [
  outsideJs(
    'stream',
    'writes through a stream',
    `for await (const row of knex.raw("insert into sibling.people (id) values (99) returning id").stream()) void row;`,
    'streams the answer',
    CONNECTION,
  ),
  outside('insert', `inserts into another tenant's table`, `insert into sibling.people (id, name) values (99, 'x')`, SIBLING),
  outside(
    'path',
    'writes where search_path leads',
    ['set search_path to sibling', `insert into people (id, name) values (99, 'x')`],
    SIBLING,
  ),
  outside(
    'trigger-history',
    `writes through a trigger on Knex's history table, which fires when the migration is recorded`,
    'select 1',
    'public.audit',
    {
      given: `create function acme.reach() returns trigger language plpgsql as $$ begin insert into public.audit (id, note) values (99, 'x'); return new; end $$;
      create trigger reach after insert on acme.knex_migrations for each row execute function acme.reach();`,
    },
  ),
  outside('do', 'writes in a DO block', `do $$ begin update sibling.people set n = 1; end $$`, SIBLING),
  outside('function', 'writes through a function that it selects', 'select reach()', SIBLING, { given: REACH }),
  outside('drop', 'drops a table elsewhere', 'drop table sibling.notes', 'sibling.notes'),
  outside(
    'drop-hidden',
    'drops a table elsewhere by a statement put together from pieces',
    `do $$ begin execute 'dr' || 'op table sibling.notes'; end $$`,
    'sibling.notes',
  ),
  outside('create-domain', 'creates a domain elsewhere', 'create domain public.junk as int', 'public.junk'),
  outside('grant', 'grants a right on a table in public', 'grant select on public.plans to clerk', 'public.plans'),
  outside('role', 'creates a role', 'create role junk', 'role junk'),
  outside('revoke-role', 'takes a membership away', 'revoke crew from clerk', 'crew'),
  outside('move-in', 'moves a table of public into its own schema', 'alter table public.plans set schema acme', 'public.plans'),
  outside('setval', 'sets a sequence elsewhere', `select setval('sibling.counter', 500)`, 'sibling.counter'),
  outside('read', `reads another tenant's table`, 'select * from sibling.people', SIBLING),
  outside(
    'read-temporary',
    `fills a temporary table from another tenant's`,
    'create temp table copy as select * from sibling.people',
    SIBLING,
  ),
  outside(
    'read-cursor',
    `reads another tenant's table through a cursor WITH HOLD`,
    'declare c cursor with hold for select * from sibling.people',
    SIBLING,
  ),
  outside('prepared-statement', 'writes by PREPARE and EXECUTE', [`prepare p as update sibling.people set n = 1`, 'execute p'], SIBLING),
  outside('role-switched', 'writes as another role', ['set role keeper', 'update sibling.people set n = 1'], SIBLING),
  outside('trigger-deferred', 'writes through a deferred constraint trigger', `insert into people (name) values ('y')`, SIBLING, {
    given: `${REACH_TRIGGER} create constraint trigger reach after insert on acme.people deferrable initially deferred for each row execute function acme.reach();`,
  }),
  outside(
    'block',
    'writes elsewhere in a block of its own',
    ['begin', `insert into people (name) values ('y')`, `insert into sibling.people (id, name) values (99, 'x')`, 'commit'],
    SIBLING,
  ),
  outside('block-drop', 'drops a table elsewhere in a block of its own', ['begin', 'drop table sibling.notes', 'commit'], 'sibling.notes'),
  outside(
    'block-grant',
    'grants a right elsewhere in a block of its own',
    ['begin', 'grant select on public.plans to clerk', 'commit'],
    'public.plans',
  ),
  outside(
    'block-text',
    'writes elsewhere in a block that is one text',
    `begin; insert into sibling.people (id, name) values (99, 'x'); commit`,
    SIBLING,
  ),
  outside(
    'block-savepoint',
    'writes elsewhere behind a savepoint of its block',
    ['begin', 'savepoint a', 'update sibling.people set n = 1', 'release savepoint a', 'commit'],
    SIBLING,
  ),
  outside(
    'block-chain',
    'writes elsewhere in a block that COMMIT AND CHAIN has begun',
    ['begin', `insert into notes (body) values ('y')`, 'commit and chain', 'update sibling.people set n = 1', 'commit'],
    'AND CHAIN',
    { code: 'FLT_STRAY_TRANSACTION' },
  ),
  outside(
    'mixed-text',
    'commits in the middle of one text',
    `insert into people (name) values ('y'); begin; update sibling.people set n = 1; commit`,
    'one by one',
    { code: 'FLT_STRAY_TRANSACTION' },
  ),
  outside(
    'prepare-transaction',
    'prepares a transaction for somebody else',
    ['begin', 'update sibling.people set n = 1', `prepare transaction 'junk'`],
    'prepared transaction',
    { code: 'FLT_STRAY_TRANSACTION' },
  ),
  outside('open-block', 'leaves a block open', ['begin', 'update sibling.people set n = 1'], 'had begun', {
    code: 'FLT_STRAY_TRANSACTION',
  }),
  unseen(
    outside('call-commit', 'calls a procedure that writes elsewhere and commits', 'call reach()', undefined, {
      given: `create procedure acme.reach() language plpgsql as $$ begin update sibling.people set n = 81; commit; end $$;`,
    }),
    'what commits by itself is over before anybody can look; inside a transaction such a call is refused by the server',
    `select bool_and(n = 81) from sibling.people`,
  ),
  unseen(
    outside(
      'cursor-writes',
      'writes elsewhere through a function that a cursor WITH HOLD reads at COMMIT',
      'declare c cursor with hold for select reach() from people limit 1',
      undefined,
      { given: REACH },
    ),
    'the server reads such a cursor at COMMIT, when the look around is over',
    `select count(*) = 6 from sibling.people`,
  ),
];

/** Where the whole database is the tenant's, what is the server's is not. */
const ofDatabases: readonly EscapeAttempt[] = (
  [
    ['create-role', 'creates a role', 'create role junk', 'role junk'],
    ['drop-role', 'drops a role', 'drop role crew', 'role crew'],
    ['grant-role', 'makes a role a member of another', 'grant keeper to clerk', 'keeper'],
    ['revoke-role', 'takes a membership away', 'revoke crew from clerk', 'crew'],
    ['role-setting', 'changes a setting of a role', `alter role clerk set statement_timeout = '1s'`, 'clerk'],
    ['role-setting-reset', 'resets a setting of a role', 'alter role clerk reset work_mem', 'clerk'],
    ['comment-role', 'comments on a role', `comment on role clerk is 'junk'`, 'role clerk'],
    ['setting', 'changes a setting of another database', `alter database postgres set work_mem = '7MB'`, 'database'],
    ['grant', 'grants a right on another database', 'grant create on database postgres to clerk', 'database postgres'],
    ['rename', 'renames another database', 'alter database template1 rename to junk', 'database junk'],
    ['parameter', 'grants a right on a parameter of the server', 'grant set on parameter log_statement to clerk', 'log_statement'],
    ['replication-origin', 'creates a replication origin', `select pg_replication_origin_create('junk')`, 'junk'],
  ] as const
).map(([id, title, statement, names]) =>
  sql(`own-database-${id}`, `${title}, from a database of its own`, statement, names, { kind: 'database' }),
);

export const ATTEMPTS: readonly EscapeAttempt[] = [
  ...rows,
  ...paths,
  ...dynamic,
  ...triggers,
  ...roles,
  ...sequences,
  ...creates,
  ...alters,
  ...drops,
  ...moves,
  ...schemas,
  ...cluster,
  ...locksAndReads,
  ...ends,
  ...connections,
  ...beyond,
  ...bare,
  ...wrapped,
  ...ofDatabases,
];
