/** Tables that a migration file builds an index on and then fills, read from its source. */

import type { AnyNode, Program } from 'acorn';
import { type Name, statementsOf } from '../../postgres/statement.js';
import { MAKES_INDEX } from './built-indexes.js';
import { known, type ReadSource, readSource, type Sent, type SourceFile, understood } from './sent-statements.js';
import { nameOf, partsOfUp, within } from './source.js';

/**
 * Tables on which `up` builds an index, and whose rows it then writes in any number: by UPDATE, MERGE, and INSERT of what a query answers. An index
 * that is unique, or over part of the rows, is none: the load may need it. Whether a branch is taken is not judged; where a name stands for several tables, nothing is told.
 */
export const indexedBeforeLoadOf = (file: SourceFile): Promise<readonly Name[]> =>
  readSource(file, MAKES_INDEX, async ({ program, sentBy }) => {
    const functions = namedFunctions(program);
    const found = new Map<string, Name>();
    for (const part of partsOfUp(program)) {
      const indexed = new Set<string>();
      for (const { ways } of inOrder(part, sentBy, functions)) {
        const sql = ways.length === 1 ? await understood(ways[0]!) : undefined;
        for (const { kind, loads, indexes } of (sql === undefined ? undefined : await statementsOf(sql)) ?? []) {
          for (const table of kind === 'read' ? [] : known(loads)) if (indexed.has(keyOf(table))) found.set(keyOf(table), table);
          for (const table of known(indexes.map((index) => index.table))) indexed.add(keyOf(table));
        }
      }
    }
    return [...found.values()];
  });

const keyOf = ({ schema, name }: Name): string => JSON.stringify([schema, name]);

/** Functions that run where they are called, and not where they stand. */
function namedFunctions(program: Program): ReadonlyMap<string, readonly AnyNode[]> {
  const found = new Map<string, AnyNode[]>();
  for (const node of within(program)) {
    const [id, made] =
      node.type === 'VariableDeclarator' ? [node.id, node.init] : node.type === 'FunctionDeclaration' ? [node.id, node] : [];
    if (id?.type === 'Identifier' && made && 'params' in made) found.set(id.name, [...(found.get(id.name) ?? []), made]);
  }
  return found;
}

/**
 * What a part sends, in the order in which it does. What stands in a function with a name is sent where that is called for the first time.
 * @param begun parts that are on their way already
 */
function inOrder(
  part: AnyNode,
  sentBy: ReadSource['sentBy'],
  functions: ReadonlyMap<string, readonly AnyNode[]>,
  begun = new Set<AnyNode>([part]),
): readonly Sent[] {
  const nodes = [...within(part)];
  const named = new Set([...functions.values()].flat());
  const apart = nodes.filter((node) => node !== part && named.has(node));
  const standsHere = ({ at }: { readonly at: number }): boolean => isWithin(part, at) && !apart.some((node) => isWithin(node, at));
  const calls = nodes.flatMap((node) => {
    const [calling, ...others] = node.type === 'CallExpression' ? (functions.get(nameOf(node.callee) ?? '') ?? []) : [];
    return calling && others.length === 0 ? [{ at: node.end, calling }] : [];
  });
  const steps = [...sentBy(part), ...calls].filter(standsHere).sort((a, b) => a.at - b.at);
  return steps.flatMap((step) => {
    if (!('calling' in step)) return [step];
    if (begun.has(step.calling)) return [];
    begun.add(step.calling);
    return inOrder(step.calling, sentBy, functions, begun);
  });
}

const isWithin = ({ start, end }: AnyNode, at: number): boolean => start < at && at <= end;
