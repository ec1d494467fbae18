/** A migration file's source as a tree. It is read, never run. */

import { type AnyNode, type CallExpression, type Program, parse } from 'acorn';
import { transform } from 'esbuild';

const TYPED = /\.[cm]?ts$/;

/** Undefined: it is in no language that is known here. */
export async function parseSource(path: string, source: string): Promise<Program | undefined> {
  try {
    const code = TYPED.test(path) ? (await transform(source, { loader: 'ts', target: 'esnext', logLevel: 'silent' })).code : source;
    return parseAs('module', code) ?? parseAs('script', code);
  } catch {
    return undefined;
  }
}

function parseAs(sourceType: 'module' | 'script', code: string): Program | undefined {
  try {
    return parse(code, { ecmaVersion: 'latest', sourceType, allowHashBang: true, allowReturnOutsideFunction: true });
  } catch {
    return undefined;
  }
}

/** What may run on the way up: everything but `down`, without the functions and constants that nothing else refers to. */
export function partsOfUp(program: Program): readonly AnyNode[] {
  const named = new Map<string, AnyNode>();
  const parts: AnyNode[] = [];
  const declare = (name: string | undefined, node: AnyNode, exported: boolean) => {
    if (name === undefined || (exported && name === 'up')) parts.push(node);
    else named.set(name, node);
  };
  for (const statement of program.body) {
    const exported = statement.type === 'ExportNamedDeclaration';
    if (exported) for (const { exported: as, local } of statement.specifiers) if (nameOf(as) === 'up') parts.push(local);
    const declared = exported ? statement.declaration : statement;
    if (declared?.type === 'FunctionDeclaration' || declared?.type === 'ClassDeclaration') declare(declared.id.name, declared, exported);
    else if (declared?.type === 'VariableDeclaration')
      for (const { id, init } of declared.declarations) if (init) declare(id.type === 'Identifier' ? id.name : undefined, init, exported);
    if (!exported && declared === statement && !isDeclaration(statement)) parts.push(statement);
  }
  for (const part of parts)
    for (const name of references(part)) {
      const node = named.get(name);
      named.delete(name);
      if (node) parts.push(node);
    }
  return parts;
}

const isDeclaration = ({ type }: AnyNode): boolean =>
  ['FunctionDeclaration', 'ClassDeclaration', 'VariableDeclaration', 'ImportDeclaration', 'ExportAllDeclaration'].includes(type);

function* references(part: AnyNode): Generator<string> {
  for (const node of within(part)) if (node.type === 'Identifier') yield node.name;
}

/**
 * The node and everything below, as it stands in the source, a node before what it holds. Left out: what is given the name `down`, and names of
 * properties.
 */
export function* within(root: AnyNode): Generator<AnyNode> {
  const stack = [root];
  for (let node = stack.pop(); node; node = stack.pop()) {
    yield node;
    const below = children(node);
    for (let i = below.length - 1; i >= 0; i--) stack.push(below[i]!);
  }
}

function children(node: AnyNode): readonly AnyNode[] {
  const found: AnyNode[] = [];
  const givesIt = givesDown(node);
  const named = 'computed' in node && !node.computed;
  const fields = node as unknown as Readonly<Record<string, unknown>>;
  for (const field in fields) {
    const value = fields[field];
    if (value === null || typeof value !== 'object') continue;
    if (givesIt && (field === 'value' || field === 'right')) continue;
    // Of `{ up }` the value says the same
    if (named && (field === 'key' || field === 'property')) continue;
    if (isNode(value)) found.push(value);
    else if (Array.isArray(value)) for (const it of value as unknown[]) if (isNode(it)) found.push(it);
  }
  return found;
}

function givesDown(node: AnyNode): boolean {
  if (node.type === 'Property' || node.type === 'MethodDefinition' || node.type === 'PropertyDefinition')
    return !node.computed && nameOf(node.key) === 'down';
  return node.type === 'AssignmentExpression' && node.left.type === 'MemberExpression' && memberName(node.left) === 'down';
}

const isNode = (it: unknown): it is AnyNode => typeof (it as { type?: unknown } | null)?.type === 'string';

/** Of what stands for a name: `up` and `'up'`. */
export function nameOf(node: AnyNode): string | undefined {
  if (node.type === 'Identifier') return node.name;
  return node.type === 'Literal' && typeof node.value === 'string' ? node.value : undefined;
}

/** `b` of `a.b`, `a?.b` and `a['b']`. */
export function memberName(node: AnyNode): string | undefined {
  if (node.type !== 'MemberExpression' || (node.computed && node.property.type !== 'Literal')) return undefined;
  return nameOf(node.property);
}

/** `b` of `a.b(…)`. */
export const methodOf = (call: CallExpression): string | undefined => memberName(call.callee);
