-- The ledger. The database does the guarding: what must never happen is refused here, whoever asks.

create extension if not exists btree_gist; -- for `=` beside `&&` in the exclusion constraint on pools

create table connection (
  id             uuid primary key,
  name           text not null unique check (name ~ '^[a-z0-9][a-z0-9._-]{0,62}$'),
  driver         text not null,
  url            text,
  login          text,
  password       text,
  admin_login    text,
  admin_password text,
  hidden_types   text[] not null default '{}',
  conflict_ptr   text not null default 'dns.set.error',
  address_space  text not null default 'default',
  max_concurrent integer check (max_concurrent > 0),
  tls            jsonb not null default '{}',
  options        jsonb not null default '{}',
  created_at     timestamptz not null default now(),
  updated_at     timestamptz not null default now(),
  unique (id, address_space)
);

insert into connection (id, name, driver) values ('00000000-0000-7000-8000-000000000001', 'builtin', 'builtin');

create table server (
  id            uuid primary key,
  name          text not null unique check (name ~ '^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$'),
  panel         text not null default 'none',
  url           text,
  login         text,
  password      text,
  connection_id uuid not null references connection (id),
  tls           jsonb not null default '{}',
  options       jsonb not null default '{}',
  created_at    timestamptz not null default now(),
  updated_at    timestamptz not null default now()
);

create table service (
  id            text primary key check (length(id) between 1 and 200),
  kind          text,
  client        text,
  domain        text,
  server_id     uuid references server (id),
  guest         text,
  setup         jsonb not null default '{}',
  state         text not null check (state in ('expected', 'active', 'deleted')),
  created_stamp jsonb,
  deleted_stamp jsonb,
  created_at    timestamptz not null default now(),
  updated_at    timestamptz not null default now(),
  check (state <> 'active' or (kind is not null and server_id is not null and created_stamp is not null)),
  check (state <> 'deleted' or deleted_stamp is not null)
);
create index service_by_client on service (client);
create index service_by_server on service (server_id);

create table aspect (
  service_id text not null references service (id),
  name       text not null,
  stamp      jsonb not null,
  value      jsonb,
  primary key (service_id, name)
);

create table event (
  id          uuid primary key,
  source      text not null,
  event_id    text not null,
  type        text not null,
  status      text not null check (status in ('accepted', 'superseded')),
  time        timestamptz not null,
  sequence    text,
  data        jsonb not null,
  body_hash   text not null,
  via         text not null,
  received_at timestamptz not null default now(),
  unique (source, event_id)
);

create table assignment (
  id            uuid primary key,
  service_id    text not null references service (id),
  slot          text not null,
  family        smallint not null check (family in (4, 6)),
  state         text not null check (state in ('pending', 'reserved', 'active', 'releasing', 'released')),
  address       inet,
  address_space text,
  connection_id uuid references connection (id),
  licence       boolean not null default false,
  held          boolean not null default true,
  requested     inet,
  pool          text,
  ptr_wish      text,
  ptr_stamp     jsonb,
  ptr           text,
  entitled      jsonb not null,
  conflicts     integer not null default 0,
  created_at    timestamptz not null default now(),
  assigned_at   timestamptz,
  released_at   timestamptz,
  constraint assignment_address_is_host check (
    address is null or (
      masklen(address) = case family(address) when 4 then 32 else 128 end
      and family(address) = family
      and not address <<= inet '::ffff:0:0/96')),
  constraint assignment_requested_is_host check (
    requested is null or (
      masklen(requested) = case family(requested) when 4 then 32 else 128 end
      and family(requested) = family)),
  check (state not in ('reserved', 'active') or (address is not null and address_space is not null and connection_id is not null)),
  check ((state = 'released') = (released_at is not null))
);
-- The promise of the whole product: one live assignment for an address. Licences share addresses.
create unique index assignment_one_per_address on assignment (address_space, address)
  where state <> 'released' and not licence;
create unique index assignment_one_per_slot on assignment (service_id, slot, family)
  where state in ('pending', 'reserved', 'active');
create index assignment_by_address on assignment (address);
create index assignment_by_service on assignment (service_id);
create index assignment_live_by_connection on assignment (connection_id, address) where state <> 'released';

create table operation (
  id            uuid primary key,
  seq           bigint generated by default as identity,
  kind          text not null check (kind in ('allocate', 'release', 'ptr', 'reconcile')),
  state         text not null check (state in ('queued', 'running', 'waiting', 'parked', 'done', 'failed', 'superseded', 'cancelled')),
  service_id    text references service (id),
  assignment_id uuid references assignment (id),
  connection_id uuid references connection (id),
  event_id      uuid references event (id),
  cause         text not null,
  payload       jsonb not null default '{}',
  stamp         jsonb,
  attempts      integer not null default 0,
  epoch         integer not null default 0,
  worker        text,
  lease_until   timestamptz,
  announce_at   timestamptz,
  announcements integer not null default 0,
  error_code    text,
  error_message text,
  created_at    timestamptz not null default now(),
  started_at    timestamptz,
  ended_at      timestamptz,
  check ((state = 'running') = (lease_until is not null)),
  check ((state in ('done', 'failed', 'superseded', 'cancelled')) = (ended_at is not null)),
  check (state <> 'failed' or error_code is not null)
);
-- A service's operations run one after the other. Claims look at the order; this refuses any mistake.
create unique index operation_one_running_per_service on operation (service_id) where state = 'running';
create index operation_due on operation (announce_at) where state in ('queued', 'parked', 'waiting');
create index operation_lease on operation (lease_until) where state = 'running';
create index operation_open_by_service on operation (service_id, seq) where state in ('queued', 'running', 'waiting', 'parked');
create index operation_by_service on operation (service_id, id);
create index operation_by_event on operation (event_id);
create index operation_by_assignment on operation (assignment_id);
create index operation_failed on operation (id) where state = 'failed';

create table operation_step (
  id           bigint generated by default as identity primary key,
  operation_id uuid not null references operation (id),
  attempt      integer not null,
  name         text not null,
  outcome      text not null,
  detail       text,
  ms           integer not null,
  at           timestamptz not null
);
create index operation_step_by_operation on operation_step (operation_id);

create table conflict (
  id               uuid primary key,
  address_space    text not null,
  address          inet not null,
  connection_id    uuid not null references connection (id),
  operation_id     uuid not null references operation (id),
  claimant_id      uuid not null references assignment (id),
  claimant_service text not null,
  holder_id        uuid not null references assignment (id),
  holder_service   text not null,
  marker           text not null unique,
  created_at       timestamptz not null default now(),
  resolved_at      timestamptz,
  resolution       text
);
create index conflict_by_address on conflict (address);
create index conflict_open on conflict (connection_id, address) where resolved_at is null;

create table outbox (
  id            bigint generated by default as identity primary key,
  type          text not null,
  service_id    text,
  operation_id  uuid,
  data          jsonb not null,
  -- Ids are given before their transactions commit; by transaction, a reader can tell what may still be coming.
  tx            xid8 not null default pg_current_xact_id(),
  created_at    timestamptz not null default now(),
  dispatched_at timestamptz
);
create index outbox_in_order on outbox (tx, id);

create table pool (
  id                 uuid primary key,
  connection_id      uuid not null,
  address_space      text not null,
  name               text not null unique check (name ~ '^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$'),
  cidr               inet not null,
  gateway            inet,
  exclude            text[] not null default '{}',
  priority           integer not null default 100,
  quarantine_seconds integer not null default 86400 check (quarantine_seconds >= 0),
  low_water          integer not null default 0 check (low_water >= 0),
  low_since          timestamptz,
  created_at         timestamptz not null default now(),
  updated_at         timestamptz not null default now(),
  foreign key (connection_id, address_space) references connection (id, address_space) on update cascade,
  constraint pool_cidr_is_network check (cidr = network(cidr)),
  constraint pool_gateway_is_host check (
    gateway is null or (
      masklen(gateway) = case family(gateway) when 4 then 32 else 128 end and gateway <<= cidr)),
  constraint pool_no_overlap exclude using gist (address_space with =, cidr inet_ops with &&)
);

create table pool_free (
  id      bigint generated by default as identity primary key,
  pool_id uuid not null references pool (id) on delete cascade,
  first   inet not null,
  last    inet not null,
  since   timestamptz not null,
  check (first <= last and family(first) = family(last))
) with (fillfactor = 60, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 500);
-- `first` moves with every address that is taken and stays out of every index, so that the move is a
-- heap-only update: otherwise dead index entries would pile up exactly where the next search begins.
create index pool_free_oldest on pool_free (pool_id, since, id);
create index pool_free_by_last on pool_free (pool_id, last);

create table pool_address (
  pool_id      uuid not null references pool (id) on delete cascade,
  address      inet not null,
  state        text not null check (state in ('held', 'quarantined')),
  marker       text,
  owner        text,
  ptr          text,
  note         text,
  taken_at     timestamptz not null default now(),
  freed_at     timestamptz,
  available_at timestamptz,
  primary key (pool_id, address),
  constraint pool_address_is_host check (
    masklen(address) = case family(address) when 4 then 32 else 128 end and not address <<= inet '::ffff:0:0/96'),
  check ((state = 'quarantined') = (available_at is not null)),
  check (state = 'held' or (marker is null and ptr is null))
) with (fillfactor = 90);
create unique index pool_address_one_per_marker on pool_address (marker);
create index pool_address_quarantined on pool_address (available_at) where state = 'quarantined';
create index pool_address_former on pool_address (owner) where state = 'quarantined';

create table token (
  id           uuid primary key,
  name         text not null,
  role         text not null check (role in ('admin', 'operator', 'billing', 'client', 'viewer')),
  client       text,
  hash         text not null unique,
  created_at   timestamptz not null default now(),
  expires_at   timestamptz,
  last_used_at timestamptz,
  revoked_at   timestamptz,
  check ((role = 'client') = (client is not null))
);

create table session (
  hash       text primary key,
  token_id   uuid not null references token (id) on delete cascade,
  created_at timestamptz not null default now(),
  expires_at timestamptz not null
);

create table audit_entry (
  id      bigint generated by default as identity primary key,
  at      timestamptz not null default now(),
  actor   text not null,
  role    text not null,
  action  text not null,
  subject text not null,
  reason  text,
  change  jsonb not null default '{}',
  remote  text
);
create index audit_entry_by_subject on audit_entry (subject, id);
create function audit_entry_is_append_only() returns trigger language plpgsql as $$
begin
  raise exception 'audit entries are only ever added' using errcode = 'integrity_constraint_violation';
end $$;
create trigger audit_entry_append_only before update or delete or truncate on audit_entry
  for each statement execute function audit_entry_is_append_only();

create table reconciliation (
  id            uuid primary key,
  connection_id uuid not null references connection (id),
  operation_id  uuid references operation (id),
  state         text not null check (state in ('running', 'planned', 'applied', 'stopped', 'failed')),
  hash          text,
  counts        jsonb not null default '{}',
  compared      integer not null default 0,
  remark        text,
  created_at    timestamptz not null default now(),
  ended_at      timestamptz,
  applied_at    timestamptz
);
create index reconciliation_by_connection on reconciliation (connection_id, id);

create table finding (
  id                uuid primary key,
  reconciliation_id uuid not null references reconciliation (id) on delete cascade,
  class             text not null,
  address           inet,
  service_id        text,
  assignment_id     uuid,
  ours              jsonb,
  theirs            jsonb,
  action            text not null,
  streak            integer not null default 1,
  operation_id      uuid references operation (id)
);
create index finding_by_reconciliation on finding (reconciliation_id, class);
create index finding_by_subject on finding (class, address);
