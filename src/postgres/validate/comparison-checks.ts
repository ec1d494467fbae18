/** Checks that compare two tables. One statement sees both at the same moment. */

import type { Content, SameContent, SameCount } from '../../migration/validations.js';
import { ident } from '../quote.js';
import { type Kind, rows, rowsOf, value } from './kind.js';

export const sameCount: Kind<SameCount> = {
  label: ({ source, target }) => `sameCount ${source.table} → ${target.table}`,
  sql(schema, { source, target, where }) {
    const count = (side: SameCount['source']) => `(select count(*) from ${rowsOf(schema, { where, ...side })} own)`;
    return `select jsonb_build_object('expected', ${count(source)}, 'found', ${count(target)})`;
  },
  wrong({ tolerance = { rows: 0 } }, numbers) {
    const [expected, found] = [Number(numbers.expected), Number(numbers.found)];
    const apart = Math.abs(expected - found);
    const isFar = 'rows' in tolerance ? apart > tolerance.rows : apart / expected > tolerance.share;
    return isFar ? `${expected} expected, ${found} found` : undefined;
  },
};

/** As text, since every type has one; in a row, since that tells null from an empty text, and where one value ends. */
const text = (values: Content['columns']): string => `row(${values.map(value).join(', ')})::text`;

export const sameContent: Kind<SameContent> = {
  label: ({ source, target }) => `sameContent ${source.table} → ${target.table}`,
  sql(schema, { source, target }) {
    const side = ({ columns, key, ...from }: Content) =>
      `not materialized (select ${text(columns)} as content${key ? `, ${text(key)} as key` : ''} from ${rowsOf(schema, from)} ${ident(from.table)})`;
    const sum = (of: string) =>
      `(select count(*) as n, coalesce(sum(hashtextextended(content, (select value from flotilla_seed))::numeric), 0)::text as checksum from ${of})`;
    const differing = `(select jsonb_build_object('missing', count(*) filter (where t.key is null), 'extra', count(*) filter (where s.key is null),
        'changed', count(*) filter (where s.content <> t.content)) from flotilla_source s full join flotilla_target t on s.key = t.key)`;
    // A condition of the file's may name tables of its own: none of these is likely to be one
    return `with flotilla_seed as materialized (select (random() * 9e18)::bigint as value),
        flotilla_source as ${side(source)}, flotilla_target as ${side(target)}
      select jsonb_build_object('expected', s.n, 'found', t.n, 'expectedChecksum', s.checksum, 'foundChecksum', t.checksum)
        || ${source.key ? differing : `'{}'`} from ${sum('flotilla_source')} s, ${sum('flotilla_target')} t`;
  },
  wrong(_check, { expected, found, expectedChecksum, foundChecksum, missing, extra, changed }) {
    if (expected === found && expectedChecksum === foundChecksum) return undefined;
    const differing = missing === undefined ? '' : ` (${missing} missing, ${extra} extra, ${changed} changed)`;
    return `${rows(expected!)} with checksum ${expectedChecksum} expected, ${rows(found!)} with ${foundChecksum} found${differing}`;
  },
};
