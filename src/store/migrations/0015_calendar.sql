-- Times at which nothing runs by itself, and the calendar as a feed. Only `src/sharing/schedule` reads and writes these tables.
create table blackout (
    id text not null primary key,
    account_id text not null references account (id) on delete cascade,
    rule text not null,
    created_by text not null,
    created_at {integer} not null
) {strict};

create index blackout_by_account on blackout (account_id);

-- A person's address of the account's calendar. Who knows it reads the calendar; only a hash of it is kept.
create table calendar_feed (
    account_id text not null references account (id) on delete cascade,
    user_id text not null references app_user (id) on delete cascade,
    token_hash text not null unique,
    created_at {integer} not null,
    primary key (account_id, user_id)
) {strict};
