-- Where endpoints that call Usher want to be told of jobs, and what they are still to be told. Only `src/exchange` reads and writes these tables.
create table webhook (
    endpoint_id text not null primary key references endpoint (id) on delete cascade,
    account_id text not null,
    url text,
    secret {bytes},
    failure text,
    disabled_at {integer}
) {strict};

create table webhook_event (
    id text not null primary key,
    account_id text not null,
    endpoint_id text not null references endpoint (id) on delete cascade,
    job_id text not null references job (id) on delete cascade,
    event text not null,
    created_at {integer} not null,
    attempts {integer} not null default 0,
    due_at {integer} not null,
    attempt_id text
) {strict};

create index webhook_event_by_due on webhook_event (due_at);

create index webhook_event_by_endpoint on webhook_event (endpoint_id);
