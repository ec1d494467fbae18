/** Tables that a migration file may write any number of rows of in one statement, read from its source. */

import type { AnyNode, CallExpression } from 'acorn';
import Knex, { type Knex as KnexHandle } from 'knex';
import { bulkWritesIn } from '../../postgres/large-tables.js';
import { type Name, statementsOf } from '../../postgres/statement.js';
import { methodOf, nameOf, parseSource, partsOfUp, within } from './source.js';
import { everyWay, readSpoken, type Spoken, UNKNOWN } from './spoken.js';

export interface SourceFile {
  readonly path: string;
  readonly source: string;
  readonly wrapIdentifier?: KnexHandle.Config['wrapIdentifier'];
}

/** A file without any of these writes nothing that is looked for. */
const MAY_WRITE = /\b(insert|update|delete|del|merge|increment|decrement)\b/i;
/** A longer source is mostly data, and takes a second to parse. */
const LONGEST = 1_000_000;

/**
 * What `up` may write, as Knex would name it; a name without a schema is the tenant's. Whether a branch is taken is not judged. What only a run
 * would show is not among them, nor is anything of a file that cannot be read.
 */
export async function bulkWritesOf(file: SourceFile): Promise<readonly Name[]> {
  if (file.source.length > LONGEST || !MAY_WRITE.test(file.source)) return [];
  try {
    return await readWrites(file);
  } catch {
    // Nested too deeply, say. Nobody is kept from planning by a warning that cannot be given
    return [];
  }
}

async function readWrites({ path, source, wrapIdentifier }: SourceFile): Promise<readonly Name[]> {
  const program = await parseSource(path, source);
  if (!program) return [];
  // Never connected: it writes SQL
  const knex = Knex({ client: 'pg', ...(wrapIdentifier ? { wrapIdentifier } : {}) });
  const found = new Map<string, Name>();
  for (const forms of statements(partsOfUp(program), readSpoken(program), knex))
    for (const { schema, name } of await firstUnderstood(forms)) {
      if (isUnknown(name)) continue;
      // A schema that only a run would show is the tenant's own: no other may be written
      const named = { schema: schema === undefined || isUnknown(schema) ? undefined : schema, name };
      found.set(JSON.stringify([named.schema, name]), named);
    }
  return [...found.values()];
}

/** SQL of each raw statement and of each chain that writes: several forms of one, where something in it is not known. */
function* statements(parts: readonly AnyNode[], spoken: Spoken, knex: KnexHandle): Generator<readonly string[]> {
  /** Calls that stand in a longer chain, which was looked at as a whole. */
  const inside = new Set<AnyNode>();
  for (const part of parts)
    for (const node of within(part)) {
      if (node.type !== 'CallExpression') continue;
      if (methodOf(node) === 'raw') yield* rawStatements(node, spoken, knex);
      if (!inside.has(node)) yield* chainStatements(chainOf(node, spoken, inside), spoken, knex);
    }
}

/** The first form that Postgres's grammar takes. */
async function firstUnderstood(forms: readonly string[]): Promise<readonly Name[]> {
  for (const sql of forms) if (await statementsOf(sql)) return bulkWritesIn(sql);
  return [];
}

/** In the place of what is not known: a name that Knex and Postgres leave as it is. */
const STAND_IN = 'unknowntoflotilla';
const isUnknown = (name: string): boolean => name.toLowerCase().includes(STAND_IN);
const standIn = (text: string): string => text.replaceAll(UNKNOWN, STAND_IN);

// Raw statements

function* rawStatements(call: CallExpression, spoken: Spoken, knex: KnexHandle): Generator<readonly string[]> {
  const [sql, given] = call.arguments;
  if (!sql) return;
  for (const text of spoken.texts(sql)) {
    if (!MAY_WRITE.test(text)) continue;
    for (const bindings of bindingsOf(given, text, spoken))
      yield formsOf(text).flatMap((form) => compiled(() => (bindings === undefined ? knex.raw(form) : knex.raw(form, bindings))));
  }
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
      const { callee, arguments: given }: CallExpression = node;
      links.unshift({ method: methodOf(node), given });
      node = callee;
    } else if (node.type === 'Identifier') {
      handle = node.name;
      node = meanings(node).find((it) => it.type === 'CallExpression' && !passed.has(it));
    } else node = undefined;
  }
  return { handle, links };
}

const CHANGES = ['update', 'del', 'delete', 'increment', 'decrement'];
const TABLES = [undefined, 'from', 'table', 'into'];

function* chainStatements(chain: Chain, spoken: Spoken, knex: KnexHandle): Generator<readonly string[]> {
  const { links } = chain;
  const changes = links.some(({ method }) => CHANGES.includes(method ?? ''));
  const inserts = links.some(({ method, given: [rows] }) => method === 'insert' && rows !== undefined && isQuery(rows, chain, spoken));
  const table = links.findLast(({ method }) => TABLES.includes(method))?.given[0];
  const schema = links.findLast(({ method }) => method === 'withSchema')?.given[0];
  if (!table || !(changes || inserts)) return;
  for (const from of tablesOf(table, spoken, knex))
    for (const home of schema ? spoken.texts(schema).map(standIn) : [undefined])
      yield compiled(() => {
        const query = (home === undefined ? knex.queryBuilder() : knex.withSchema(home)).from(from);
        return changes ? query.del() : query.insert(knex.select(knex.raw('1')));
      });
}

/** `'orders'`, `'orders as o'`, `{ o: 'orders' }`, `knex.raw('orders (id, n)')`. */
function* tablesOf(table: AnyNode, spoken: Spoken, knex: KnexHandle): Generator<string | KnexHandle.Raw> {
  for (const node of [table, ...(table.type === 'Identifier' ? spoken.meanings(table) : [])]) {
    if (node.type === 'ObjectExpression')
      for (const it of node.properties) {
        if (it.type === 'Property') yield* spoken.texts(it.value).map(standIn);
      }
    else if (node.type === 'CallExpression' && methodOf(node) === 'raw' && node.arguments[0])
      for (const text of spoken.texts(node.arguments[0]))
        for (const bindings of bindingsOf(node.arguments[1], text, spoken))
          yield bindings === undefined ? knex.raw(standIn(text)) : knex.raw(standIn(text), bindings);
  }
  yield* spoken.texts(table).map(standIn);
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
