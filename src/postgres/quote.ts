/** Names and values as SQL text. Tenant ids, schema names and data are hostile until they went through here. */

import pg from 'pg';

/** `my"schema` → `"my""schema"` */
export const ident = (name: string): string => pg.escapeIdentifier(name);

/** Safe under any setting of standard_conforming_strings. */
export const literal = (text: string): string => pg.escapeLiteral(text);

/** The same for a long text: `pg` goes over it character by character. */
export const longLiteral = (text: string): string => ` E'${text.replaceAll('\\', '\\\\').replaceAll("'", "''")}'`;

/** A list for `SET search_path TO`. */
export const searchPath = (schemas: readonly string[]): string => schemas.map(ident).join(', ');

/** A DO block. No name and no value in it can end it before its end: the delimiter is one that it does not hold. */
export function doBlock(body: string): string {
  let tag = '$flotilla$';
  while (body.includes(tag)) tag = tag.replace(/\$$/, '_$');
  return `do ${tag} ${body} ${tag};`;
}
