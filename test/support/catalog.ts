/** What a schema holds, read from the catalogs by queries of the tests' own, so that Flotilla's fingerprint does not judge itself. */

import pg from 'pg';

/** One line per column, constraint, index, sequence, view, trigger, function and type; names of the schema itself are left out. */
export async function catalogOf(url: string, schema: string): Promise<string[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    const quoted = pg.escapeIdentifier(schema);
    await client.query(`set search_path to ${quoted}`);
    const { rows } = await client.query<{ line: string }>(
      `with here as (select oid from pg_namespace where nspname = $1),
       relations as (select c.* from pg_class c, here where relnamespace = here.oid and relname !~ '^(knex_migrations|flotilla_)')
       select 'column ' || c.relname || '.' || a.attname || ' ' || format_type(a.atttypid, a.atttypmod) || case when a.attnotnull then ' not null' else '' end
              || coalesce(' default ' || pg_get_expr(d.adbin, d.adrelid), '') || ' ' || coalesce(col.collname, '') as line
         from relations c join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
         left join pg_attrdef d on d.adrelid = c.oid and d.adnum = a.attnum
         left join pg_collation col on col.oid = a.attcollation and col.collname <> 'default'
        where c.relkind in ('r', 'p', 'v', 'm')
       union all select 'constraint ' || c.relname || ' ' || k.conname || ' ' || pg_get_constraintdef(k.oid) from pg_constraint k join relations c on c.oid = k.conrelid
       union all select 'index ' || c.relname || ' ' || pg_get_indexdef(c.oid) || ' valid=' || i.indisvalid from relations c join pg_index i on i.indexrelid = c.oid
       union all select 'sequence ' || c.relname || ' ' || format_type(s.seqtypid, null) from relations c join pg_sequence s on s.seqrelid = c.oid
       union all select 'view ' || c.relname || ' ' || pg_get_viewdef(c.oid) from relations c where c.relkind in ('v', 'm')
       union all select 'trigger ' || pg_get_triggerdef(t.oid) from pg_trigger t join relations c on c.oid = t.tgrelid where not t.tgisinternal
       union all select 'function ' || p.proname || ' ' || p.prosrc from pg_proc p, here where p.pronamespace = here.oid
       union all select 'type ' || t.typname || ' ' || string_agg(e.enumlabel, ',' order by e.enumsortorder) from pg_type t join pg_enum e on e.enumtypid = t.oid, here
         where t.typnamespace = here.oid group by t.typname`,
      [schema],
    );
    return rows.map(({ line }) => line.replaceAll(`${quoted}.`, '').replaceAll(`${schema}.`, '')).sort();
  } finally {
    await client.end();
  }
}
