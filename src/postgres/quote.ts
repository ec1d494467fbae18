/** Names and values as SQL text. Tenant ids, schema names and data are hostile until they went through here. */

import { escapeIdentifier, escapeLiteral } from 'pg';

/** `my"schema` → `"my""schema"` */
export const ident = (name: string): string => escapeIdentifier(name);

/** Safe under any setting of standard_conforming_strings. */
export const literal = (text: string): string => escapeLiteral(text);

/** The same for a long text: `pg` goes over it character by character. */
export const longLiteral = (text: string): string => ` E'${text.replaceAll('\\', '\\\\').replaceAll("'", "''")}'`;

/** A list for `SET search_path TO`. */
export const searchPath = (schemas: readonly string[]): string => schemas.map(ident).join(', ');

/** A text in dollar quotes. No name and no value in it can end it before its end: the delimiter is one that it does not hold. */
export function dollarQuoted(text: string): string {
  let tag = '$flotilla$';
  while (text.includes(tag)) tag = tag.replace(/\$$/, '_$');
  return `${tag} ${text} ${tag}`;
}

export const doBlock = (body: string): string => `do ${dollarQuoted(body)};`;
