-- Settings and sums are objects, and what is shown of them has its type: nothing that is stored can be unreadable.
alter table connection
  add constraint connection_settings check (jsonb_typeof(tls) = 'object' and jsonb_typeof(options) = 'object'),
  add constraint connection_problem check (problem is null or coalesce(
    jsonb_typeof(problem -> 'code') = 'string' and jsonb_typeof(problem -> 'message') = 'string'
      and jsonb_typeof(problem -> 'since') = 'string', false));
alter table server
  add constraint server_settings check (jsonb_typeof(tls) = 'object' and jsonb_typeof(options) = 'object');
alter table subscriber
  add constraint subscriber_settings check (jsonb_typeof(tls) = 'object' and jsonb_typeof(options) = 'object');
alter table reconciliation
  add constraint reconciliation_sums check (
    jsonb_typeof(counts) = 'object' and jsonb_typeof(changes) = 'object' and jsonb_typeof(tally) = 'object'
      and not jsonb_path_exists(counts, '$.* ? (@.type() != "number" || @ != @.floor())')
      and not jsonb_path_exists(changes, '$.* ? (@.type() != "number" || @ != @.floor())')),
  add constraint reconciliation_policies check (
    jsonb_typeof(policies) = 'object' and not jsonb_path_exists(policies, '$.* ? (@.type() != "string")'));
