-- Invitations, what was done with people, and whose each session is. Only `src/registry` reads and writes these tables.
-- The link of an invitation is made of its id with the master key; here is only the link's hash.
create table invitation (
    id text not null primary key,
    account_id text not null references account (id) on delete cascade,
    token_hash text not null unique,
    email text not null,
    role text not null,
    invited_by text not null,
    created_at {integer} not null,
    expires_at {integer} not null
) {strict};

create index invitation_by_account on invitation (account_id);

create index invitation_by_email on invitation (email);

-- Names as they were then: what was done stays readable when a person has gone.
create table people_event (
    id text not null primary key,
    account_id text not null references account (id) on delete cascade,
    at {integer} not null,
    by_name text not null,
    step text not null
) {strict};

create index people_event_by_account on people_event (account_id, at);

-- Sessions that began before are not known to be anybody's, so they could not be ended with the others: everybody signs in once more.
delete from user_session;

alter table user_session add column user_id text;

alter table user_session add column account_id text;

create index user_session_by_user on user_session (user_id);
