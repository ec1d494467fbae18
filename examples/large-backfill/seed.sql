-- One tenant as it is before Flotilla comes: run in the tenant's schema. One of them is five hundred times as large as the others.
create table orders (
  id bigint primary key,
  customer text,
  total text not null
);

insert into orders (id, customer, total)
select
  n * 2,
  case when n % 7 > 0 then ' Customer ' || n % 1000 || ' ' end,
  n % 90000 || '.' || lpad((n % 100)::text, 2, '0') || case n % 3 when 0 then ' EUR' when 1 then ' USD' else ' JPY' end
from generate_series(1, case when current_schema() like '%acme' then 200000 else 400 end) n;
analyze orders;
