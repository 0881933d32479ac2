-- Reconciliation at size: runs that go on where they were, plans that are reviewed, reports that are compared.

alter table reconciliation
  -- The claim of the operation that writes it: a worker that was taken for dead changes nothing any more.
  add column epoch        integer not null default 0,
  -- How far it is: everything up to this address is compared, and its findings are stored.
  add column last_address inet,
  add column tally        jsonb not null default '{}',
  -- How many addresses there will be, as far as can be told.
  add column total        integer not null default 0,
  -- The run that it is compared with, and how many findings are new, still there and gone since.
  add column previous_id  uuid references reconciliation (id) on delete set null,
  add column changes      jsonb not null default '{}',
  -- What was to be done about each class of findings.
  add column policies     jsonb not null default '{}';
create index reconciliation_by_operation on reconciliation (operation_id);

alter table finding
  -- What makes two findings of different runs the same one.
  add column subject  text,
  -- What the reviewer says: what is ignored is not applied, and stays ignored until it changes.
  add column decision text not null default 'accept' check (decision in ('accept', 'ignore')),
  -- Why it would not be done, where the class's policy alone would have it done.
  add column note     text;
update finding set subject = concat_ws(' ', class, host(address), theirs ->> 'marker', id);
alter table finding alter column subject set not null;
create unique index finding_one_per_subject on finding (reconciliation_id, subject);
create index finding_by_address on finding (reconciliation_id, address, id);
create index finding_by_operation on finding (operation_id) where operation_id is not null;

-- What is half-way, so that reconciliation finds what got stuck there without reading the whole ledger.
create index assignment_half_way on assignment (id) where state in ('pending', 'reserved', 'releasing');
