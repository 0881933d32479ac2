-- Whether a connection's comparison of a night was started, and when it was last compared.
create index operation_of_night on operation (connection_id, cause) where kind = 'reconcile';
