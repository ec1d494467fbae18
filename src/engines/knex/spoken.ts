/** What names and expressions of a source stand for, as far as the source alone says so. */

import type { AnyNode, CallExpression, Program } from 'acorn';
import { memberName, methodOf, nameOf, within } from './source.js';

/** Stands in a text for what only a run would show. */
export const UNKNOWN = '\0';

/** Texts that one expression may come to; more are as good as none. */
const MOST = 100;
const LONGEST = 200_000;

export interface Spoken {
  /** Expressions that a name may stand for; an expression that is no name stands for itself. */
  meanings(node: AnyNode): readonly AnyNode[];
  /** Texts that an expression may come to, with `UNKNOWN` in the place of what is not known. */
  texts(node: AnyNode): readonly string[];
}

/** Where a name gets its value from. */
type Origin = { readonly is: AnyNode } | { readonly eachOf: AnyNode } | { readonly argument: number; readonly of: string };

export function readSpoken(program: Program): Spoken {
  const { origins, calls } = readOrigins(program);
  const known = new Map<AnyNode, readonly AnyNode[]>();
  const told = new Map<AnyNode, readonly string[]>();

  /** Each node once, however often it is asked for; one that leads to itself is not known. */
  function once<T>(seen: Map<AnyNode, readonly T[]>, node: AnyNode, unknown: readonly T[], find: () => readonly T[]): readonly T[] {
    const before = seen.get(node);
    if (before) return before;
    seen.set(node, unknown);
    const found = find();
    const kept = found.length > MOST ? unknown : found;
    seen.set(node, kept);
    return kept;
  }

  const meanings = (node: AnyNode): readonly AnyNode[] => once(known, node, [], () => means(node));

  function means(node: AnyNode): readonly AnyNode[] {
    if (node.type === 'Identifier') return (origins.get(node.name) ?? []).flatMap(coming);
    if (node.type === 'ConditionalExpression') return [node.consequent, node.alternate].flatMap(meanings);
    if (node.type !== 'MemberExpression') return [node];
    const property = memberName(node);
    const objects = meanings(node.object).flatMap((it) => (it.type === 'ObjectExpression' ? it.properties : []));
    return objects.flatMap((it) => (it.type === 'Property' && !it.computed && nameOf(it.key) === property ? meanings(it.value) : []));
  }

  function coming(origin: Origin): readonly AnyNode[] {
    if ('is' in origin) return meanings(origin.is);
    if ('eachOf' in origin)
      return meanings(origin.eachOf)
        .flatMap((it) => (it.type === 'ArrayExpression' ? it.elements : []))
        .flatMap((it) => (it && it.type !== 'SpreadElement' ? meanings(it) : []));
    return (calls.get(origin.of) ?? []).flatMap(({ arguments: given }) => {
      const it = given[origin.argument];
      return it && it.type !== 'SpreadElement' ? meanings(it) : [];
    });
  }

  const texts = (node: AnyNode): readonly string[] => once(told, node, [UNKNOWN], () => says(node));

  function says(node: AnyNode): readonly string[] {
    switch (node.type) {
      case 'Literal':
        return [typeof node.value === 'string' || typeof node.value === 'number' ? String(node.value) : UNKNOWN];
      case 'TaggedTemplateExpression':
        return texts(node.quasi);
      case 'TemplateLiteral':
        return joined(
          node.quasis.flatMap(({ value: { cooked } }, i) => {
            const hole = node.expressions[i];
            return [[cooked ?? UNKNOWN], ...(hole ? [texts(hole)] : [])];
          }),
        );
      case 'BinaryExpression': {
        const terms: AnyNode[] = [];
        let first: AnyNode = node;
        for (; first.type === 'BinaryExpression' && first.operator === '+'; first = first.left) terms.push(first.right);
        return joined([first, ...terms.reverse()].map((term) => (term === node ? [UNKNOWN] : texts(term))));
      }
      case 'Identifier':
      case 'MemberExpression':
      case 'ConditionalExpression': {
        const found = meanings(node);
        return found.length ? [...new Set(found.flatMap(texts))] : [UNKNOWN];
      }
      default:
        return [UNKNOWN];
    }
  }

  return { meanings, texts };
}

const joined = (parts: readonly (readonly string[])[]): readonly string[] =>
  everyWay(parts, [UNKNOWN]).map((way) => (way.reduce((n, part) => n + part.length, 0) > LONGEST ? UNKNOWN : way.join('')));

/** One of each, in every way. @param instead of each where there are too many ways */
export function everyWay<T>(choices: readonly (readonly T[])[], instead: readonly T[]): readonly (readonly T[])[] {
  const ways = choices.reduce((n, { length }) => Math.min(n * length, MOST + 1), 1);
  const kept = ways > MOST ? choices.map((of) => (of.length > 1 ? instead : of)) : choices;
  let found: T[][] = [[]];
  for (const of of kept) {
    if (of.length === 1) for (const way of found) way.push(of[0]!);
    else found = found.flatMap((way) => of.map((it) => [...way, it]));
  }
  return found;
}

const EACH = ['forEach', 'map', 'flatMap'];

/** Where the names of a source get their values from. A name that stands for several things stands for each: scopes are not told apart. */
function readOrigins(program: Program) {
  const origins = new Map<string, Origin[]>();
  const calls = new Map<string, CallExpression[]>();
  const bind = (target: AnyNode, origin: Origin) => {
    if (target.type === 'Identifier') push(origins, target.name, origin);
    if (target.type !== 'AssignmentPattern') return;
    bind(target.left, origin);
    bind(target.left, { is: target.right });
  };
  const bindParameters = (fn: AnyNode, of: string) => {
    if ('params' in fn) fn.params.forEach((param, argument) => void bind(param, { argument, of }));
  };
  for (const node of within(program)) {
    if (node.type === 'VariableDeclarator' && node.init) {
      bind(node.id, { is: node.init });
      if (node.id.type === 'Identifier') bindParameters(node.init, node.id.name);
    } else if (node.type === 'AssignmentExpression' && node.operator === '=') bind(node.left, { is: node.right });
    else if (node.type === 'FunctionDeclaration' && node.id) bindParameters(node, node.id.name);
    else if (node.type === 'ForOfStatement') {
      const target = node.left.type === 'VariableDeclaration' ? node.left.declarations[0]!.id : node.left;
      bind(target, { eachOf: node.right });
    } else if (node.type === 'CallExpression') {
      if (node.callee.type === 'Identifier') push(calls, node.callee.name, node);
      const [callback] = node.arguments;
      const [item] = callback && 'params' in callback ? callback.params : [];
      if (item && node.callee.type === 'MemberExpression' && EACH.includes(methodOf(node) ?? ''))
        bind(item, { eachOf: node.callee.object });
    }
  }
  return { origins, calls };
}

function push<T>(map: Map<string, T[]>, key: string, value: T): void {
  map.get(key)?.push(value) ?? map.set(key, [value]);
}
