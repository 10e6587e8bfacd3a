-- Endpoint keys, the log of calls, what failed last, and endpoints that were disconnected. Only `src/registry` reads and writes these tables.
create table endpoint_key (
    id text not null primary key,
    account_id text not null,
    endpoint_id text not null references endpoint (id) on delete cascade,
    key_hash text not null unique,
    hint text not null,
    created_by text not null,
    created_at {integer} not null,
    last_used_at {integer}
) {strict};

create index endpoint_key_by_endpoint on endpoint_key (endpoint_id);

insert into endpoint_key (id, account_id, endpoint_id, key_hash, hint, created_by, created_at)
select 'key_' || substr(id, 4), account_id, id, key_hash, '', '', created_at from endpoint where key_hash is not null;

-- SQLite can't drop a unique column: it stays, and stays empty.
update endpoint set key_hash = null;

create table endpoint_call (
    id text not null primary key,
    account_id text not null,
    endpoint_id text not null references endpoint (id) on delete cascade,
    by_usher {integer} not null,
    method text not null,
    path text not null,
    status {integer},
    failure text,
    duration_ms {integer} not null,
    at {integer} not null
) {strict};

create index endpoint_call_by_endpoint on endpoint_call (endpoint_id, at);

-- Why the last call that failed did, also after one that went well.
alter table endpoint add column failed_because text;

update endpoint set failed_because = last_failure;

alter table endpoint add column disconnected_at {integer};

alter table endpoint add column disconnected_by text;
