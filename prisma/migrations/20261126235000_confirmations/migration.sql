-- Servers without a panel are configured by people: who said that an address works at which server, and when.
create table confirmation (
  assignment_id uuid not null references assignment (id) on delete cascade,
  server_id     uuid not null references server (id) on delete cascade,
  confirmed_at  timestamptz not null default now(),
  confirmed_by  text not null check (length(confirmed_by) between 1 and 300),
  primary key (assignment_id, server_id)
);
