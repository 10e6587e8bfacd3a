-- The answers of writes that endpoints sent with an Idempotency-Key. Only `src/registry` reads and writes this table.
create table endpoint_answer (
    account_id text not null,
    endpoint_id text not null references endpoint (id) on delete cascade,
    key_hash text not null,
    request_hash text not null,
    attempt_id text not null,
    attempt_until {integer} not null,
    status {integer},
    media_type text,
    body {bytes},
    expires_at {integer} not null,
    primary key (endpoint_id, key_hash)
) {strict};

create index endpoint_answer_by_expiry on endpoint_answer (expires_at);
