-- The operations that carry out what an operator decided about a conflict.
alter table conflict add column decisions text[] not null default '{}';
