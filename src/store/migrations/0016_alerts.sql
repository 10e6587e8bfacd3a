-- What people are told of without looking, and how it reached them. Only `src/telling` reads and writes these tables.
create table alert_rule (
    account_id text not null primary key references account (id) on delete cascade,
    rules text not null,
    changed_by text not null,
    changed_at {integer} not null
) {strict};

-- A share's own, in place of the account's.
create table share_alert_rule (
    share_id text not null primary key references share (id) on delete cascade,
    account_id text not null,
    rules text not null,
    changed_by text not null,
    changed_at {integer} not null
) {strict};

-- When a share is to be looked at next. Whoever changes what counts writes here; a row without a moment waits for that.
create table alert_watch (
    share_id text not null primary key,
    account_id text not null,
    look_at {integer}
) {strict};

create index alert_watch_by_moment on alert_watch (look_at);

create table alert (
    id text not null primary key,
    account_id text not null references account (id) on delete cascade,
    share_id text references share (id) on delete cascade,
    endpoint_id text references endpoint (id) on delete cascade,
    subject text not null,
    subject_name text not null,
    condition text not null,
    cause text not null,
    run_id text,
    opened_at {integer} not null,
    closed_at {integer},
    closed_cause text
) {strict};

create unique index alert_open on alert (subject, condition) where closed_at is null;

create index alert_by_account on alert (account_id, opened_at);

-- One for each change of an alert that is told; those without an alert only try the way.
create table alert_message (
    id text not null primary key,
    account_id text not null references account (id) on delete cascade,
    alert_id text references alert (id) on delete cascade,
    kind text not null,
    created_at {integer} not null
) {strict};

create index alert_message_by_account on alert_message (account_id, created_at);

create index alert_message_by_alert on alert_message (alert_id);

create table alert_read (
    message_id text not null references alert_message (id) on delete cascade,
    user_id text not null references app_user (id) on delete cascade,
    primary key (message_id, user_id)
) {strict};

create table alert_email (
    account_id text not null references account (id) on delete cascade,
    user_id text not null references app_user (id) on delete cascade,
    primary key (account_id, user_id)
) {strict};

create table alert_webhook (
    id text not null primary key,
    account_id text not null references account (id) on delete cascade,
    url text not null,
    secret {bytes},
    old_secret {bytes},
    old_secret_until {integer},
    failure text,
    disabled_at {integer},
    created_by text not null,
    created_at {integer} not null
) {strict};

create index alert_webhook_by_account on alert_webhook (account_id);

-- One message on its way to one receiver, and afterwards the log of it. What is done has no moment at which it is due.
create table alert_delivery (
    id text not null primary key,
    account_id text not null references account (id) on delete cascade,
    message_id text not null references alert_message (id) on delete cascade,
    channel text not null,
    receiver text not null,
    receiver_name text not null,
    state text not null,
    attempts {integer} not null default 0,
    attempt_id text,
    due_at {integer},
    attempted_at {integer},
    detail text,
    created_at {integer} not null
) {strict};

create index alert_delivery_by_due on alert_delivery (due_at);

create index alert_delivery_by_account on alert_delivery (account_id, created_at);

create index alert_delivery_by_message on alert_delivery (message_id);

-- When a person last put a run to work: approved it, or tried it again. Until then it was not its time.
alter table run add column asked_at {integer};

-- It only looks, or sends repaired rows: it says nothing about how the share is.
alter table run add column is_partial {integer} not null default 0;

-- What is the matter already is told once.
insert into alert_watch (share_id, account_id, look_at) select id, account_id, 0 from share where state = 'active';

-- When the credential with which Usher calls an endpoint ends, where somebody said so. Only `src/registry` reads and writes this.
create table credential_end (
    endpoint_id text not null primary key references endpoint (id) on delete cascade,
    account_id text not null,
    ends_at {integer} not null,
    noted_by text not null
) {strict};
