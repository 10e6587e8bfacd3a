-- Accounts, users, sessions, applications and endpoints. Only `src/registry` reads and writes these tables.
create table account (
    id text not null primary key,
    name text not null,
    created_at {integer} not null
) {strict};

create table app_user (
    id text not null primary key,
    email text not null unique,
    name text not null,
    password_hash text not null,
    created_at {integer} not null
) {strict};

create table membership (
    account_id text not null references account (id) on delete cascade,
    user_id text not null references app_user (id) on delete cascade,
    role text not null,
    created_at {integer} not null,
    primary key (account_id, user_id)
) {strict};

create table user_session (
    id_hash text not null primary key,
    data {bytes} not null,
    expires_at {integer} not null
) {strict};

create index user_session_by_expiry on user_session (expires_at);

create table sign_in_failure (
    id text not null primary key,
    attempt_id text not null,
    subject text not null,
    at {integer} not null
) {strict};

create index sign_in_failure_by_subject on sign_in_failure (subject, at);

create table application (
    id text not null primary key,
    definition text not null,
    updated_at {integer} not null
) {strict};

create table endpoint (
    id text not null primary key,
    account_id text not null references account (id) on delete cascade,
    application_id text not null references application (id),
    name text not null,
    base_url text,
    credential {bytes},
    key_hash text unique,
    description text not null,
    last_success_at {integer},
    last_failure_at {integer},
    last_failure text,
    latency_ms {integer},
    refreshed_at {integer},
    created_at {integer} not null,
    unique (account_id, name)
) {strict};
