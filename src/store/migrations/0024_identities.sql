-- Who people are at OpenID providers, and sign-ins there that have not come back yet. Only `src/registry` reads and writes these tables.
-- Who has no password has an empty `app_user.password_hash`.
create table user_identity (
    id text not null primary key,
    user_id text not null references app_user (id) on delete cascade,
    issuer text not null,
    subject text not null,
    email text,
    created_at {integer} not null,
    last_used_at {integer},
    unique (issuer, subject)
) {strict};

create index user_identity_by_user on user_identity (user_id);

create table provider_visit (
    state_hash text not null primary key,
    session_hash text not null,
    sealed {bytes} not null,
    expires_at {integer} not null
) {strict};

create index provider_visit_by_expiry on provider_visit (expires_at);
