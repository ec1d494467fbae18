-- One tenant as it is before Flotilla comes: run in the tenant's schema.
create table users (
  id uuid primary key default gen_random_uuid(),
  email text not null,
  display_name text,
  theme text,
  locale text,
  font_size integer,
  created_at timestamptz not null default now(),
  last_seen_at timestamptz
);

insert into users (email, display_name, theme, locale, font_size, created_at, last_seen_at)
select
  'person' || n || '@example.com',
  'Person ' || n,
  case n % 4 when 0 then 'light' when 1 then 'dark' when 2 then 'system' end,
  case when n % 3 > 0 then 'en' end,
  case when n % 5 = 0 then 16 end,
  now() - n * interval '20 days',
  case when n % 7 > 0 then now() - n * interval '12 days' end
from generate_series(1, 40) n;
