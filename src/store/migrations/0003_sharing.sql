-- Shares. Only `src/sharing` reads and writes this table.
create table share (
    id text not null primary key,
    account_id text not null,
    audience_id text not null references audience (id) on delete cascade,
    state text not null,
    destination_endpoint_id text references endpoint (id) on delete cascade,
    segment_id text,
    segment_name text,
    mode text,
    shrink_limit {integer} not null default 50,
    mapping text not null,
    mapping_version {integer} not null,
    created_by text not null,
    created_at {integer} not null,
    updated_at {integer} not null
) {strict};

create index share_by_account on share (account_id, updated_at);

create index share_by_audience on share (audience_id);
