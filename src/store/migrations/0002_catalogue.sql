-- Audiences and their samples. Only `src/catalogue` reads and writes these tables.
create table audience (
    id text not null primary key,
    account_id text not null,
    endpoint_id text not null references endpoint (id) on delete cascade,
    segment_id text not null,
    name text not null,
    description text,
    size {integer},
    size_is_estimate {integer} not null,
    fields text not null,
    tags text not null,
    search text not null,
    updated_at text,
    seen_at {integer} not null,
    withdrawn_at {integer},
    unique (endpoint_id, segment_id)
) {strict};

create index audience_by_account on audience (account_id, withdrawn_at, name);

create table audience_sample (
    audience_id text not null primary key references audience (id) on delete cascade,
    sample {bytes} not null,
    taken_at {integer} not null
) {strict};
