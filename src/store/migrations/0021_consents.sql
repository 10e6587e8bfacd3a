-- Consents that were asked for and have not come back yet, and who renews an endpoint's access token. Only `src/registry` reads and writes these.
create table consent (
    state_hash text not null primary key,
    account_id text not null references account (id) on delete cascade,
    user_id text not null,
    session_hash text not null,
    application_id text not null,
    application_version {integer} not null,
    sealed {bytes} not null,
    expires_at {integer} not null
) {strict};

alter table endpoint add column renewing_until {integer};

alter table endpoint add column renewing_id text;
