-- Applications that people define: their versions, what happened to them, their logos and Test Drives; and who operates the installation. Only
-- `src/registry` reads and writes these tables.
alter table app_user add column operator_since {integer};

-- The account that provides it; none for what comes with the installation.
alter table application add column account_id text references account (id);

alter table application add column approved_version {integer};

alter table application add column retired_at {integer};

alter table application add column retired_because text;

create index application_by_account on application (account_id);

create table application_version (
    application_id text not null references application (id) on delete cascade,
    version {integer} not null,
    definition text not null,
    state text not null,
    changes {integer} not null default 0,
    changed_by text not null default '',
    client_secret {bytes},
    reason text,
    submitted_at {integer},
    updated_at {integer} not null,
    primary key (application_id, version)
) {strict};

insert into application_version (application_id, version, definition, state, updated_at)
    select id, 1, definition, 'approved', updated_at from application;

update application set approved_version = 1;

alter table application drop column definition;

-- The version that the endpoint was connected to; it keeps to that one.
alter table endpoint add column application_version {integer} not null default 1;

create index endpoint_by_application on endpoint (application_id);

create table application_event (
    id text not null primary key,
    application_id text not null references application (id) on delete cascade,
    version {integer} not null,
    event text not null,
    note text,
    by_id text not null,
    by_name text not null,
    at {integer} not null
) {strict};

create index application_event_by_application on application_event (application_id, at);

-- The last Test Drive of each version. `subject` is a digest of what it was about.
create table test_drive (
    application_id text not null,
    version {integer} not null,
    id text not null,
    subject text not null,
    state text not null,
    report text not null,
    started_by text not null,
    started_at {integer} not null,
    alive_at {integer} not null,
    finished_at {integer},
    primary key (application_id, version),
    foreign key (application_id, version) references application_version (application_id, version) on delete cascade
) {strict};

-- Pictures, by the digest of their bytes.
create table application_logo (
    digest text not null primary key,
    picture {bytes} not null,
    created_at {integer} not null
) {strict};
