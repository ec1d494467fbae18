/**
 * What a statement is, by Postgres's own grammar (`libpg-query`). Trees are cached by text: thousands of tenants send the same statements.
 * A text that this grammar does not know is `undefined`: the server decides.
 */

import { createHash } from 'node:crypto';
import { loadModule, parseSync, type RawStmt } from 'libpg-query';

/** A name as written: with its schema, or to be found by search_path. */
export interface Name {
  readonly schema: string | undefined;
  readonly name: string;
}

export interface Index {
  /** As written. */
  readonly table: Name;
  /** Those that it is over by name. */
  readonly columns: readonly string[];
}

/** Statements that Postgres refuses in a transaction block. */
export type Bare =
  | { readonly what: 'createIndex'; readonly index: string | undefined; readonly table: Name; readonly tree: Tree }
  | { readonly what: 'dropIndex'; readonly index: Name; readonly ifExists: boolean }
  | { readonly what: 'reindex'; readonly of: 'index' | 'table'; readonly name: Name }
  | { readonly what: 'detach'; readonly parent: Name; readonly partition: Name }
  | { readonly what: 'vacuum'; readonly tables: readonly Name[] }
  /** Reaches beyond any one schema: whole databases, the server itself. */
  | { readonly what: 'elsewhere'; readonly statement: string };

export type Control = 'begin' | 'commit' | 'rollback' | 'savepoint' | 'release' | 'rollbackTo' | 'prepared';

export interface Statement {
  /** What the grammar calls it: `InsertStmt`. */
  readonly node: string;
  /**
   * `read` changes nothing unless a function that it calls does; `session` changes this session alone and has to be done again in another;
   * `write` may run in a block; `bare` may not; `control` begins or ends blocks.
   */
  readonly kind: 'read' | 'write' | 'session' | 'bare' | 'control';
  readonly control?: Control;
  /** Its end begins the next block. */
  readonly chain?: true;
  /** Begins a block with an isolation level of its own, or the like. */
  readonly modes?: true;
  /** Where it stands in the text, in bytes of UTF-8: from behind the semicolon before it to behind its own. */
  readonly from: number;
  readonly to: number;
  /** Name of the savepoint. */
  readonly savepoint?: string;
  readonly bare?: Bare;
  /** Functions that it calls by name, anywhere inside. */
  readonly functions: readonly string[];
  /** Objects that it creates, changes or fills, as written. */
  readonly targets: readonly Name[];
  /** Tables that it may write any number of rows of, as written: by UPDATE, DELETE, MERGE, and INSERT of what a query answers. */
  readonly bulk: readonly Name[];
  /** Of those the ones that get rows, or rows anew: not by DELETE. */
  readonly loads: readonly Name[];
  /** The index that it builds, where that is not unique and over all rows. */
  readonly indexes: readonly Index[];
  /** Relations that it grants or revokes rights on, as written; `*`: all of a schema. */
  readonly grants: readonly Name[];
  /** These rights are on columns. */
  readonly ofColumns?: true;
  /** Types that it makes or changes without leaving a trace that is cheap to find, as written. */
  readonly types: readonly Name[];
  /** Sequences that it sets or draws from, as far as the text says which. */
  readonly sequences: readonly Name[];
  /** Creates a temporary table, view or sequence of this name. */
  readonly createsTemp?: string;
  /** Validates a constraint: reads a whole table under a lock that hurts nobody. */
  readonly validates?: true;
}

type Json = string | number | boolean | null | Json[] | { [key: string]: Json };
export type Tree = { readonly [key: string]: Json };

/** Of recent texts. */
const CACHE = 2_000;
/** A longer text is mostly data, and takes long to parse; it is, once, where it may hold a COMMIT: a whole schema that is read from a file. */
const LONGEST = 200_000;
const MAY_HOLD_CONTROL = /(?:^|;)(?:\s|--[^\n]*\n)*(?:\/\*|begin|commit|end|rollback|abort|start|prepare)/i;
const cache = new Map<string, readonly Statement[] | undefined>();
let loading: Promise<void> | undefined;

/** The statements of a text, in order. Undefined: not understood, or far too long to be anything but data. */
export async function statementsOf(sql: string): Promise<readonly Statement[] | undefined> {
  const long = sql.length > LONGEST;
  if (long && !MAY_HOLD_CONTROL.test(sql)) return undefined;
  const key = long ? createHash('sha256').update(sql).digest('base64') : sql;
  if (cache.has(key)) return cache.get(key);
  loading ??= loadModule();
  await loading;
  const found = parse(sql);
  if (cache.size >= CACHE) cache.delete(cache.keys().next().value!);
  cache.set(key, found);
  return found;
}

function parse(sql: string): readonly Statement[] | undefined {
  try {
    return (parseSync(sql).stmts ?? []).map((raw) => describe(raw));
  } catch {
    return undefined;
  }
}

const CONTROLS: Readonly<Record<string, Control>> = {
  TRANS_STMT_BEGIN: 'begin',
  TRANS_STMT_START: 'begin',
  TRANS_STMT_COMMIT: 'commit',
  TRANS_STMT_ROLLBACK: 'rollback',
  TRANS_STMT_SAVEPOINT: 'savepoint',
  TRANS_STMT_RELEASE: 'release',
  TRANS_STMT_ROLLBACK_TO: 'rollbackTo',
  TRANS_STMT_PREPARE: 'prepared',
  TRANS_STMT_COMMIT_PREPARED: 'prepared',
  TRANS_STMT_ROLLBACK_PREPARED: 'prepared',
};

/** Done to this session alone. */
const SESSION = new Set([
  'VariableSetStmt',
  'VariableShowStmt',
  'PrepareStmt',
  'DeallocateStmt',
  'DeclareCursorStmt',
  'FetchStmt',
  'ClosePortalStmt',
  'ListenStmt',
  'UnlistenStmt',
  'DiscardStmt',
  'LoadStmt',
  'ConstraintsSetStmt',
  'CheckPointStmt',
]);

/** Refused in a block, and no business of a tenant's migration. */
const ELSEWHERE: Readonly<Record<string, string>> = {
  AlterSystemStmt: 'ALTER SYSTEM',
  CreatedbStmt: 'CREATE DATABASE',
  DropdbStmt: 'DROP DATABASE',
  CreateTableSpaceStmt: 'CREATE TABLESPACE',
  DropTableSpaceStmt: 'DROP TABLESPACE',
  CreateSubscriptionStmt: 'CREATE SUBSCRIPTION',
  AlterSubscriptionStmt: 'ALTER SUBSCRIPTION',
  DropSubscriptionStmt: 'DROP SUBSCRIPTION',
};

function describe(raw: RawStmt): Statement {
  const [type, body] = Object.entries(raw.stmt as unknown as Record<string, Tree>)[0]!;
  const found: Found = { functions: new Set<string>(), writes: false, targets: [], bulk: [], loads: [], sequences: [] };
  walk(body, found);
  const from = raw.stmt_location ?? 0;
  const sends = [...RUNS, 'PrepareStmt'].includes(type);
  const all = {
    node: type,
    from,
    to: from + (raw.stmt_len ?? 0) + 1,
    functions: [...found.functions],
    targets: [...found.targets, ...targetsOf(type, body)],
    bulk: sends ? [...found.bulk, ...bulkTarget(type, body)] : [],
    loads: sends ? [...found.loads, ...loadTarget(type, body)] : [],
    indexes: type === 'IndexStmt' && !body.unique && !body.whereClause ? [indexOf(body)] : [],
    grants: type === 'GrantStmt' ? grantedOn(body) : [],
    ...(type === 'GrantStmt' && namesColumns(body) ? { ofColumns: true as const } : {}),
    types: typesOf(type, body),
    sequences: RUNS.includes(type) ? found.sequences : [],
  };

  if (type === 'TransactionStmt')
    return {
      ...all,
      kind: 'control',
      control: CONTROLS[body.kind as string]!,
      ...(body.options ? { modes: true as const } : {}),
      ...(body.chain ? { chain: true as const } : {}),
      ...(body.savepoint_name ? { savepoint: body.savepoint_name as string } : {}),
    };
  const bare = bareOf(type, body);
  if (bare) return { ...all, kind: 'bare', bare };
  const temp = createdTemp(type, body);
  if (temp !== undefined) return { ...all, kind: 'session', createsTemp: temp };
  if (SESSION.has(type) || (type === 'CreateFunctionStmt' && strings(body.funcname).at(-2) === 'pg_temp'))
    return { ...all, kind: 'session' };
  if (type === 'SelectStmt') return { ...all, kind: found.writes || body.intoClause ? 'write' : 'read' };
  if (type === 'ExplainStmt') return { ...all, kind: hasOption(body.options, 'analyze') && found.writes ? 'write' : 'read' };
  const validates = type === 'AlterTableStmt' && commands(body).every((command) => command.subtype === 'AT_ValidateConstraint');
  return { ...all, kind: 'write', ...(validates ? { validates } : {}) };
}

const WRITERS = ['InsertStmt', 'UpdateStmt', 'DeleteStmt', 'MergeStmt'];
/** Statements that call what they name; others keep it for later. */
const RUNS = [...WRITERS, 'SelectStmt', 'CreateTableAsStmt', 'CopyStmt', 'ExplainStmt'];
/** Functions whose effect on a sequence Postgres never takes back. */
const SEQUENCE_WRITERS = ['setval', 'nextval'];

interface Found {
  readonly functions: Set<string>;
  writes: boolean;
  readonly targets: Name[];
  readonly bulk: Name[];
  readonly loads: Name[];
  readonly sequences: Name[];
}

/** Collects the functions called, the tables written and the sequences moved anywhere below. */
function walk(node: Json | undefined, found: Found): void {
  if (node === null || typeof node !== 'object') return;
  if (Array.isArray(node)) {
    for (const item of node) walk(item, found);
    return;
  }
  for (const [key, value] of Object.entries(node)) {
    if (key === 'FuncCall') {
      const name = strings((value as Tree).funcname).at(-1)!;
      found.functions.add(name);
      const sequence = SEQUENCE_WRITERS.includes(name) ? constantName((value as { args?: Json[] }).args?.[0]) : undefined;
      if (sequence) found.sequences.push(sequence);
    }
    if (WRITERS.includes(key)) {
      found.writes = true;
      const { relation } = value as { relation?: Tree };
      if (relation) found.targets.push(rangeVar(relation));
      found.bulk.push(...bulkTarget(key, value as Tree));
      found.loads.push(...loadTarget(key, value as Tree));
    }
    walk(value, found);
  }
}

/** The table of a statement that writes as many rows as it finds; an INSERT of rows that stand in its text writes those. */
function bulkTarget(type: string, body: Tree): Name[] {
  if (!WRITERS.includes(type) || !body.relation) return [];
  const query = (body.selectStmt as { SelectStmt?: Tree } | undefined)?.SelectStmt;
  if (type === 'InsertStmt' && (query === undefined || query.valuesLists)) return [];
  return [rangeVar(body.relation as Tree)];
}

const loadTarget = (type: string, body: Tree): Name[] => (type === 'DeleteStmt' ? [] : bulkTarget(type, body));

function indexOf(body: Tree): Index {
  const parts = (body.indexParams as { IndexElem: { name?: string } }[] | undefined) ?? [];
  return { table: rangeVar(body.relation as Tree), columns: parts.flatMap(({ IndexElem: { name } }) => name ?? []) };
}

const strings = (nodes: Json | undefined): string[] =>
  ((nodes as Json[] | undefined) ?? []).map((node) => (node as { String: { sval: string } }).String?.sval ?? '');

/** `'a.b'` or `'a.b'::regclass` as the name that the server will read in it. */
function constantName(node: Json | undefined): Name | undefined {
  const inside = (node as { TypeCast?: { arg: Json } } | undefined)?.TypeCast?.arg ?? node;
  const text = (inside as { A_Const?: { sval?: { sval?: string } } } | undefined)?.A_Const?.sval?.sval;
  if (text === undefined) return undefined;
  const parts = [...text.matchAll(/"((?:[^"]|"")*)"|([^\s."]+)/g)].map(([, quoted, plain]) =>
    quoted === undefined ? plain!.toLowerCase() : quoted.replaceAll('""', '"'),
  );
  return parts.length ? { schema: parts.at(-2), name: parts.at(-1)! } : undefined;
}

const rangeVar = (relation: Tree): Name => ({
  schema: (relation.schemaname as string | undefined) ?? undefined,
  name: relation.relname as string,
});

/** `a.b` as DROP and others list it. */
function listedName(node: Json): Name {
  const parts = 'List' in (node as object) ? strings((node as { List: { items: Json } }).List.items) : strings([node]);
  return { schema: parts.length > 1 ? parts.at(-2) : undefined, name: parts.at(-1)! };
}

const commands = (body: Tree): Tree[] =>
  ((body.cmds as Json[] | undefined) ?? []).map((command) => (command as { AlterTableCmd: Tree }).AlterTableCmd ?? {});

const options = (nodes: Json | undefined): Tree[] =>
  ((nodes as Json[] | undefined) ?? []).map((node) => (node as { DefElem: Tree }).DefElem);

/** `(analyze)`, `(analyze true)`; `(analyze false)` is none. */
function hasOption(nodes: Json | undefined, name: string): boolean {
  const option = options(nodes).find((it) => it.defname === name);
  if (!option) return false;
  const [value] = Object.values((option.arg as { [key: string]: Tree } | undefined) ?? {});
  const text = String(value?.sval ?? value?.boolval ?? value?.ival ?? 'true');
  return !['false', 'off', '0'].includes(text.toLowerCase());
}

/** Objects that the statement itself names as what it changes. */
function targetsOf(type: string, body: Tree): Name[] {
  const names: Name[] = [];
  for (const key of ['relation', 'sequence', 'view', 'rel'])
    if (body[key] && typeof body[key] === 'object') names.push(rangeVar(body[key] as Tree));
  if (WRITERS.includes(type) && body.relation) return [rangeVar(body.relation as Tree)];
  if (type === 'CreateTableAsStmt' || (type === 'SelectStmt' && body.intoClause)) {
    const into = (body.into ?? body.intoClause) as { rel: Tree };
    names.push(rangeVar(into.rel));
  }
  if (type === 'DropStmt') names.push(...((body.objects as Json[]) ?? []).filter((it) => 'List' in (it as object)).map(listedName));
  if (type === 'TruncateStmt' || type === 'LockStmt')
    names.push(...((body.relations as Json[]) ?? []).map((it) => rangeVar((it as { RangeVar: Tree }).RangeVar)));
  if (type === 'CreateDomainStmt') names.push(listedName({ List: { items: body.domainname as Json } }));
  if (type === 'CommentStmt' && body.object && typeof body.object === 'object' && 'List' in body.object) {
    const parts = strings((body.object.List as Tree).items);
    // A column's comment names the table before it
    const table = body.objtype === 'OBJECT_COLUMN' ? parts.slice(0, -1) : parts;
    if (table.length) names.push({ schema: table.length > 1 ? table.at(-2) : undefined, name: table.at(-1)! });
  }
  return names;
}

function typesOf(type: string, body: Tree): Name[] {
  const name = (items: Json | undefined): Name[] => (items ? [listedName({ List: { items } })] : []);
  switch (type) {
    case 'CreateDomainStmt':
      return name(body.domainname);
    case 'AlterDomainStmt':
    case 'CreateEnumStmt':
      return name(body.typeName);
    case 'DefineStmt':
      return body.kind === 'OBJECT_TYPE' ? name(body.defnames) : [];
    case 'RenameStmt':
      return body.renameType === 'OBJECT_DOMCONSTRAINT' ? [listedName(body.object!)] : [];
    default:
      return [];
  }
}

/** Tables, sequences and the like that a GRANT or REVOKE is about; none where it is about other objects. */
function grantedOn(body: Tree): Name[] {
  const objects = body.objects as Json[] | undefined;
  if (!objects || !['OBJECT_TABLE', 'OBJECT_SEQUENCE'].includes(body.objtype as string)) return [];
  if (body.targtype === 'ACL_TARGET_ALL_IN_SCHEMA') return strings(objects).map((schema) => ({ schema, name: '*' }));
  return objects.map((it) => rangeVar((it as { RangeVar: Tree }).RangeVar));
}

const namesColumns = (body: Tree): boolean =>
  ((body.privileges as Json[] | undefined) ?? []).some((it) => (it as { AccessPriv?: Tree }).AccessPriv?.cols !== undefined);

const TEMP_MAKERS: Readonly<Record<string, string>> = { CreateStmt: 'relation', CreateSeqStmt: 'sequence', ViewStmt: 'view' };

function createdTemp(type: string, body: Tree): string | undefined {
  const into = type === 'CreateTableAsStmt' ? body.into : type === 'SelectStmt' ? body.intoClause : undefined;
  const made = (into ? (into as Tree).rel : body[TEMP_MAKERS[type] ?? '']) as Tree | undefined;
  if (!made || (!into && !TEMP_MAKERS[type])) return undefined;
  return made.relpersistence === 't' || made.schemaname === 'pg_temp' ? (made.relname as string) : undefined;
}

function bareOf(type: string, body: Tree): Bare | undefined {
  if (ELSEWHERE[type]) return { what: 'elsewhere', statement: ELSEWHERE[type] };
  switch (type) {
    case 'IndexStmt':
      if (!body.concurrent) return undefined;
      return {
        what: 'createIndex',
        index: (body.idxname as string | undefined) || undefined,
        table: rangeVar(body.relation as Tree),
        tree: body,
      };
    case 'DropStmt':
      if (!body.concurrent) return undefined;
      return { what: 'dropIndex', index: listedName((body.objects as Json[])[0]!), ifExists: Boolean(body.missing_ok) };
    case 'ReindexStmt': {
      const kind = body.kind as string;
      if (kind === 'REINDEX_OBJECT_DATABASE' || kind === 'REINDEX_OBJECT_SYSTEM' || kind === 'REINDEX_OBJECT_SCHEMA')
        return { what: 'elsewhere', statement: `REINDEX ${kind.slice('REINDEX_OBJECT_'.length)}` };
      if (!hasOption(body.params, 'concurrently')) return undefined;
      return { what: 'reindex', of: kind === 'REINDEX_OBJECT_INDEX' ? 'index' : 'table', name: rangeVar(body.relation as Tree) };
    }
    case 'AlterTableStmt': {
      const detach = commands(body).find((command) => command.subtype === 'AT_DetachPartition');
      const partition = (detach?.def as { PartitionCmd?: Tree } | undefined)?.PartitionCmd;
      if (!partition?.concurrent) return undefined;
      return { what: 'detach', parent: rangeVar(body.relation as Tree), partition: rangeVar(partition.name as Tree) };
    }
    case 'VacuumStmt': {
      if (!body.is_vacuumcmd) return undefined;
      const tables = ((body.rels as Json[] | undefined) ?? []).map((it) =>
        rangeVar((it as { VacuumRelation: { relation: Tree } }).VacuumRelation.relation),
      );
      return tables.length ? { what: 'vacuum', tables } : { what: 'elsewhere', statement: 'VACUUM of the whole database' };
    }
    case 'ClusterStmt':
      return body.relation ? undefined : { what: 'elsewhere', statement: 'CLUSTER of the whole database' };
    default:
      return undefined;
  }
}
