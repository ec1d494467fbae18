-- One tenant as it is before Flotilla comes: run in the tenant's schema.
create table members (
  id bigint primary key,
  name text not null,
  number integer not null constraint members_number_key unique,
  joined_at timestamptz not null default now()
);

insert into members (id, name, number, joined_at)
select
  n * 2,
  (array['Ada', 'Grace', 'Edsger', 'Barbara', 'Donald'])[1 + n % 5]
    || case n % 10 when 0 then '' when 1 then ' de la Cruz ' || n else ' Miller-' || n end,
  n,
  now() - n * interval '1 hour'
from generate_series(1, 4000) n;
