-- What the share flow keeps: versions of each step and of the mapping, templates, and what a change of fields broke. Only `src/sharing` reads and
-- writes these tables.
alter table share add column destination_version {integer} not null default 0;

alter table share add column handling_version {integer} not null default 0;

alter table share add column changed_by text;

alter table share add column known_fields text;

alter table share add column held_at {integer};

alter table share add column held_because text;

alter table share add column confirmed text not null default '[]';

create index share_by_destination on share (destination_endpoint_id);

create table mapping_version (
    share_id text not null references share (id) on delete cascade,
    version {integer} not null,
    account_id text not null,
    mapping text not null,
    cause text not null,
    note text,
    changed_by_id text not null,
    changed_by text not null,
    changed_at {integer} not null,
    used_at {integer},
    primary key (share_id, version)
) {strict};

insert into mapping_version (share_id, version, account_id, mapping, cause, changed_by_id, changed_by, changed_at, used_at)
    select id, mapping_version, account_id, mapping, 'edited', created_by, '', updated_at, updated_at from share where mapping_version > 0;

create table mapping_template (
    id text not null primary key,
    account_id text not null,
    name text not null,
    source_application_id text not null,
    source_application text not null,
    destination_application_id text not null,
    destination_application text not null,
    mapping text not null,
    fields text not null,
    changed_by text not null,
    updated_at {integer} not null
) {strict};

create unique index mapping_template_by_name on mapping_template (account_id, source_application_id, destination_application_id, name);
