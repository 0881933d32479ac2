-- Whose turn it is, where only so many may do something at once across all workers. A turn ends by itself when its
-- holder no longer renews it; the fence tells a holder whose turn is over from the next one.
create table turn (
  name   text not null check (length(name) between 1 and 500),
  seat   integer not null check (seat > 0),
  fence  bigint not null default 0,
  holder text,
  until  timestamptz,
  primary key (name, seat),
  check ((holder is null) = (until is null))
);

-- Markers of addresses in an IPAM that has no place for them once the real PTR is set.
create table ipam_note (
  connection_id uuid not null references connection (id) on delete cascade,
  address       inet not null,
  marker        text not null,
  noted_at      timestamptz not null default now(),
  primary key (connection_id, address),
  constraint ipam_note_address_is_host check (
    masklen(address) = case family(address) when 4 then 32 else 128 end and not address <<= inet '::ffff:0:0/96')
);
create index ipam_note_by_marker on ipam_note (connection_id, marker);

-- What is wrong with a connection, as its latest call found out: {code, message, since}.
alter table connection add column problem jsonb;
