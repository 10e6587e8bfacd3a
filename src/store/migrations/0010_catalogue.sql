-- The catalogue as it changes: what was read when, what changed in it, and a version by which each process keeps its index up to date. Only
-- `src/catalogue` reads and writes these tables.
create table catalogue (
    account_id text not null primary key,
    version {integer} not null
) {strict};

create table catalogue_source (
    endpoint_id text not null primary key references endpoint (id) on delete cascade,
    account_id text not null,
    read_at {integer},
    failed_at {integer}
) {strict};

create index catalogue_source_by_account on catalogue_source (account_id);

drop index audience_by_account;

alter table audience drop column search;

alter table audience add column label text;

alter table audience add column statistics text;

-- Of everything that the producer told, to see without reading it all whether anything changed.
alter table audience add column fingerprint text;

alter table audience add column first_seen_at {integer};

-- The catalogue's version with which it last changed.
alter table audience add column version {integer} not null default 0;

create index audience_by_version on audience (account_id, version);

create table audience_change (
    id text not null primary key,
    account_id text not null,
    endpoint_id text not null,
    audience_id text not null references audience (id) on delete cascade,
    at {integer} not null,
    change text not null
) {strict};

create index audience_change_by_audience on audience_change (audience_id, at);

create index audience_change_by_endpoint on audience_change (endpoint_id, at);

create table audience_size (
    audience_id text not null references audience (id) on delete cascade,
    at {integer} not null,
    size {integer} not null,
    size_before {integer},
    primary key (audience_id, at)
) {strict};

insert into catalogue (account_id, version) select distinct account_id, 1 from audience;

insert into catalogue_source (endpoint_id, account_id, read_at) select endpoint_id, account_id, max(seen_at) from audience group by endpoint_id, account_id;

update audience set first_seen_at = seen_at;
