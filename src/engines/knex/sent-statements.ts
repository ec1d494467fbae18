/** SQL that a migration file's source would send: raw statements and chains of Knex's builder, as far as the source alone says so. */

import type { AnyNode, CallExpression, Program } from 'acorn';
import Knex, { type Knex as KnexHandle } from 'knex';
import { ident } from '../../postgres/quote.js';
import { type Name, statementsOf } from '../../postgres/statement.js';
import { methodOf, nameOf, parseSource, within } from './source.js';
import { everyWay, readSpoken, type Spoken, UNKNOWN } from './spoken.js';

export interface SourceFile {
  readonly path: string;
  readonly source: string;
  readonly wrapIdentifier?: KnexHandle.Config['wrapIdentifier'];
}

/** What one call sends. */
export interface Sent {
  /** Where the call ends in the source: of two calls in one chain the one that is sent first ends first. */
  readonly at: number;
  /** Where a name stands for several things, one for each. */
  readonly ways: readonly Forms[];
}

/** SQL of one statement; in several forms, where something in it is not known: the first that Postgres's grammar takes is it. */
export type Forms = readonly string[];

export interface ReadSource {
  readonly program: Program;
  /** What the calls of a part send, in no order. */
  sentBy(part: AnyNode): Iterable<Sent>;
}

/** A longer source is mostly data, and takes a second to parse. */
const LONGEST = 1_000_000;

/**
 * Reads a source that holds `words`. Nothing where it does not, or cannot be read: nobody is kept from planning by a warning that cannot be given.
 */
export async function readSource<Found>(
  { path, source, wrapIdentifier }: SourceFile,
  words: RegExp,
  read: (source: ReadSource) => Promise<readonly Found[]>,
): Promise<readonly Found[]> {
  if (source.length > LONGEST || !words.test(source)) return [];
  try {
    const program = await parseSource(path, source);
    if (!program) return [];
    const spoken = readSpoken(program);
    // Never connected: it writes SQL
    const knex = Knex({ client: 'pg', ...(wrapIdentifier ? { wrapIdentifier } : {}) });
    /** Calls that stand in a longer chain, which was looked at as a whole. */
    const inside = new Set<AnyNode>();
    return await read({ program, sentBy: (part) => sentBy(part, spoken, knex, inside) });
  } catch {
    // Nested too deeply, say
    return [];
  }
}

function* sentBy(part: AnyNode, spoken: Spoken, knex: KnexHandle, inside: Set<AnyNode>): Generator<Sent> {
  for (const node of within(part)) {
    if (node.type !== 'CallExpression') continue;
    const method = methodOf(node);
    if (method === 'raw') yield { at: node.end, ways: rawStatements(node, spoken, knex) };
    if ((method ?? nameOf(node.callee)) === 'createIndexConcurrently') yield { at: node.end, ways: concurrentIndexes(node, spoken) };
    if (inside.has(node)) continue;
    const chain = chainOf(node, spoken, inside);
    yield* chainStatement(chain, spoken, knex);
    yield* schemaStatements(chain, spoken, knex);
  }
}

/** The first form that Postgres's grammar takes. */
export async function understood(forms: Forms): Promise<string | undefined> {
  for (const sql of forms) if (await statementsOf(sql)) return sql;
  return undefined;
}

/** The tables whose names the source says. A schema that only a run would show is the tenant's own: no other may be written. */
export const known = (tables: readonly Name[]): readonly Name[] =>
  tables
    .filter(({ name }) => !isUnknown(name))
    .map(({ schema, name }) => ({ schema: schema === undefined || isUnknown(schema) ? undefined : schema, name }));

/** In the place of what is not known: a name that Knex and Postgres leave as it is. */
const STAND_IN = 'unknowntoflotilla';
const isUnknown = (name: string): boolean => name.toLowerCase().includes(STAND_IN);
const standIn = (text: string): string => text.replaceAll(UNKNOWN, STAND_IN);

// Raw statements

/** A text without any of these is not looked at. */
const LOOKED_FOR = /\b(insert|update|delete|merge|index)\b/i;

function rawStatements(call: CallExpression, spoken: Spoken, knex: KnexHandle): readonly Forms[] {
  const [sql, given] = call.arguments;
  const texts = sql ? spoken.texts(sql).filter((text) => LOOKED_FOR.test(text)) : [];
  return texts.flatMap((text) =>
    bindingsOf(given, text, spoken).map((bindings) =>
      formsOf(text).flatMap((form) => compiled(() => (bindings === undefined ? knex.raw(form) : knex.raw(form, bindings)))),
    ),
  );
}

/** SQL as it is sent; none where Knex would not take it. */
function compiled(make: () => { toSQL(): { toNative(): { sql: string } } }): readonly string[] {
  try {
    return [make().toSQL().toNative().sql];
  } catch {
    return [];
  }
}

/** What a part that is not known may be: a name or a value, a list of what is set, or nothing. */
const FILLINGS = [STAND_IN, `${STAND_IN} = 1`, ''] as const;

/** The text with its unknown parts filled in: all alike, or one of them unlike the others. */
function formsOf(text: string): readonly string[] {
  const [first, ...rest] = text.split(UNKNOWN);
  if (rest.length === 0) return [text];
  const fill = (filling: (i: number) => string) => rest.reduce((form, part, i) => form + filling(i) + part, first!);
  const alike = FILLINGS.map((filling) => fill(() => filling));
  const oneUnlike = rest.slice(0, 8).flatMap((_, one) => FILLINGS.slice(1).map((other) => fill((i) => (i === one ? other : STAND_IN))));
  return [...new Set([alike[0]!, ...oneUnlike, ...alike])];
}

type Bindings = readonly string[] | Readonly<Record<string, string>>;

function bindingsOf(given: AnyNode | undefined, text: string, spoken: Spoken): readonly (Bindings | undefined)[] {
  if (!given) return [undefined];
  const [meaning] = spoken.meanings(given);
  const textsOf = (node: AnyNode | null) => (node ? spoken.texts(node).map(standIn) : [STAND_IN]);
  if (meaning?.type === 'ArrayExpression' && !meaning.elements.some((it) => it?.type === 'SpreadElement'))
    return everyWay(meaning.elements.map(textsOf), [STAND_IN]);
  const named = [...new Set([...text.matchAll(/(?<!:):(\w+)/g)].map(([, name]) => name!))];
  if (meaning?.type === 'ObjectExpression') {
    const of = (name: string) =>
      meaning.properties.find((it) => it.type === 'Property' && !it.computed && nameOf(it.key) === name) as { value: AnyNode } | undefined;
    return everyWay(
      named.map((name) => textsOf(of(name)?.value ?? null)),
      [STAND_IN],
    ).map((way) => Object.fromEntries(named.map((name, i) => [name, way[i]!])));
  }
  const positions = text.match(/\\\?|\?\??/g)?.filter((it) => it !== '\\?') ?? [];
  return [positions.length > 0 ? positions.map(() => STAND_IN) : Object.fromEntries(named.map((name) => [name, STAND_IN]))];
}

// Chains of Knex's builder

interface Chain {
  /** What it begins with: `knex`. */
  readonly handle: string | undefined;
  readonly links: readonly Link[];
}

/** `.method(…)`; the first of a chain may have none: `knex('orders')`. */
interface Link {
  readonly method: string | undefined;
  readonly given: readonly AnyNode[];
  readonly end: number;
}

/** The chain that ends with this call; also through names that chains were given. @param inside where the calls of the chain are noted */
function chainOf(call: CallExpression, { meanings }: Spoken, inside = new Set<AnyNode>()): Chain {
  const links: Link[] = [];
  const passed = new Set<AnyNode>();
  let handle: string | undefined;
  let node: AnyNode | undefined = call;
  while (node && !passed.has(node)) {
    passed.add(node);
    if (node.type === 'ChainExpression') node = node.expression;
    else if (node.type === 'MemberExpression') node = node.object;
    else if (node.type === 'CallExpression') {
      inside.add(node);
      const { callee, arguments: given, end }: CallExpression = node;
      links.unshift({ method: methodOf(node), given, end });
      node = callee;
    } else if (node.type === 'Identifier') {
      handle = node.name;
      node = meanings(node).find((it) => it.type === 'CallExpression' && !passed.has(it));
    } else node = undefined;
  }
  return { handle, links };
}

const CHANGES = ['update', 'del', 'delete', 'increment', 'decrement'];
const DELETES = ['del', 'delete'];
const TABLES = [undefined, 'from', 'table', 'into'];

function* chainStatement(chain: Chain, spoken: Spoken, knex: KnexHandle): Generator<Sent> {
  const { links } = chain;
  const changes = links.find(({ method }) => CHANGES.includes(method ?? ''));
  const inserts = links.find(({ method, given: [rows] }) => method === 'insert' && rows !== undefined && isQuery(rows, chain, spoken));
  const table = links.findLast(({ method }) => TABLES.includes(method))?.given[0];
  const { end: at } = changes ?? inserts ?? {};
  if (!table || at === undefined) return;
  const ways = tablesOf(table, spoken, knex).flatMap((from) =>
    schemasOf(chain, spoken).map((home) =>
      compiled(() => {
        const query = (home === undefined ? knex.queryBuilder() : knex.withSchema(home)).from(from);
        if (!changes) return query.insert(knex.select(knex.raw('1')));
        return DELETES.includes(changes.method ?? '') ? query.del() : query.update({ it: 1 });
      }),
    ),
  );
  yield { at, ways };
}

function schemasOf({ links }: Chain, spoken: Spoken): readonly (string | undefined)[] {
  const schema = links.findLast(({ method }) => method === 'withSchema')?.given[0];
  return schema ? spoken.texts(schema).map(standIn) : [undefined];
}

/** `'orders'`, `'orders as o'`, `{ o: 'orders' }`, `knex.raw('orders (id, n)')`. */
function tablesOf(table: AnyNode, spoken: Spoken, knex: KnexHandle): readonly (string | KnexHandle.Raw)[] {
  const meanings = table.type === 'Identifier' ? spoken.meanings(table) : [];
  const found = (meanings.length > 0 ? meanings : [table]).flatMap((node): readonly (string | KnexHandle.Raw)[] => {
    if (node.type === 'ObjectExpression')
      return node.properties.flatMap((it) => (it.type === 'Property' ? spoken.texts(it.value).map(standIn) : []));
    const [sql, given] = node.type === 'CallExpression' && methodOf(node) === 'raw' ? node.arguments : [];
    if (!sql) return spoken.texts(node).map(standIn);
    return spoken
      .texts(sql)
      .flatMap((text) =>
        bindingsOf(given, text, spoken).map((bindings) =>
          bindings === undefined ? knex.raw(standIn(text)) : knex.raw(standIn(text), bindings),
        ),
      );
  });
  return [...new Set(found)];
}

const READS = /^(select|distinct|columns?|where\w*)$/;

/** Whether what is inserted is what a query answers. Rows that stand in the source, or that it has fetched before, are none. */
function isQuery(given: AnyNode, { handle }: Chain, spoken: Spoken): boolean {
  const meanings = given.type === 'Identifier' ? spoken.meanings(given) : [given];
  return meanings.some((node) => {
    if (node.type === 'ArrowFunctionExpression' || node.type === 'FunctionExpression') return true;
    if (node.type !== 'CallExpression') return false;
    if (methodOf(node) === 'raw') return spoken.texts(node.arguments[0] ?? node).some((it) => /^[\s(]*(select|with)\b/i.test(it));
    const query = chainOf(node, spoken);
    const ofOurs = handle !== undefined && query.handle === handle;
    return query.links.some(({ method }) => READS.test(method ?? '') || (ofOurs && TABLES.includes(method)));
  });
}

// Indexes, as the builder of structure and `flotilla/migration` make them

const ON_TABLE = ['createTable', 'createTableIfNotExists', 'alterTable', 'table'];

/** Of each table with an index that is not unique, and over all rows. */
function* schemaStatements(chain: Chain, spoken: Spoken, knex: KnexHandle): Generator<Sent> {
  for (const { method, given, end: at } of chain.links) {
    const [table] = given;
    const columns = table && ON_TABLE.includes(method ?? '') ? indexedColumns(given.at(-1)!, spoken) : [];
    if (!table || columns.length === 0) continue;
    const ways = spoken.texts(table).flatMap((text) =>
      schemasOf(chain, spoken).map((home) =>
        compiled(() => {
          const schema = home === undefined ? knex.schema : knex.schema.withSchema(home);
          const [index] = schema.alterTable(standIn(text), (it) => void it.index(columns)).toSQL();
          return knex.raw(index!.sql);
        }),
      ),
    );
    yield { at, ways };
  }
}

/** Columns that a function of a table, `(table) => { … }`, names in `table.index(…)` and `table.integer('n').index()`. */
function indexedColumns(given: AnyNode, spoken: Spoken): readonly string[] {
  return spoken.meanings(given).flatMap((made) => {
    const [table] = 'params' in made ? made.params : [];
    if (table?.type !== 'Identifier') return [];
    return [...within(made)].flatMap((node) => {
      if (node.type !== 'CallExpression' || methodOf(node) !== 'index') return [];
      const { handle, links } = chainOf(node, spoken);
      const [columns] = links[0]!.given;
      // What comes third may say over which rows
      return handle !== table.name || !columns || node.arguments.length > 2 ? [] : listed(columns, spoken);
    });
  });
}

/** `'n'`, `['n', 'm']`; at least one, be it unknown. */
function listed(given: AnyNode, spoken: Spoken): readonly string[] {
  const named = spoken.meanings(given).flatMap((it): readonly (AnyNode | null)[] => (it.type === 'ArrayExpression' ? it.elements : [it]));
  const texts = named.flatMap((it) => (it ? spoken.texts(it) : []));
  return (texts.length > 0 ? texts : [UNKNOWN]).map(standIn);
}

/** `createIndexConcurrently(knex, { table: 'orders', … })`. */
function concurrentIndexes(call: CallExpression, spoken: Spoken): readonly Forms[] {
  const [, spec] = call.arguments;
  return (spec ? spoken.meanings(spec) : []).flatMap((it) => {
    const given = (name: string): AnyNode | undefined => {
      const found = it.type === 'ObjectExpression' ? it.properties.find((property) => isNamed(property, name)) : undefined;
      return found?.type === 'Property' ? found.value : undefined;
    };
    const [table, columns] = [given('table'), given('columns')];
    if (!table || !columns || given('unique') || given('where')) return [];
    const over = listed(columns, spoken).map(ident).join(', ');
    return spoken.texts(table).map((text) => [`create index on ${ident(standIn(text))} (${over})`]);
  });
}

const isNamed = (property: AnyNode, name: string): boolean =>
  property.type === 'Property' && !property.computed && nameOf(property.key) === name;
