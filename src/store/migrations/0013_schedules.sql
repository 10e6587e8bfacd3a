-- Schedules of shares, what became of their slots, and what holds them back. Only `src/sharing/schedule` reads and writes these tables.
create table schedule (
    share_id text not null primary key references share (id) on delete cascade,
    account_id text not null,
    rule text not null,
    after_share_id text,
    next_slot {integer},
    next_due {integer},
    paused_at {integer},
    paused_by text,
    created_by text not null,
    created_at {integer} not null,
    updated_at {integer} not null
) {strict};

create index schedule_by_due on schedule (next_due);

create index schedule_by_account on schedule (account_id);

create index schedule_by_other on schedule (after_share_id);

-- One slot of a share, once something became of it or a person changed it. What is pending has a moment at which it is due.
create table occurrence (
    share_id text not null references share (id) on delete cascade,
    slot {integer} not null,
    account_id text not null,
    state text not null,
    due_at {integer},
    run_id text,
    reason text,
    missed {integer} not null default 0,
    changed_by text,
    decided_at {integer},
    primary key (share_id, slot)
) {strict};

create index occurrence_by_due on occurrence (due_at);

create index occurrence_by_account on occurrence (account_id, slot);

create index occurrence_by_run on occurrence (run_id);

-- Nothing runs by itself for a whole account (without an endpoint), or from and to one endpoint.
create table schedule_pause (
    account_id text not null references account (id) on delete cascade,
    endpoint_id text not null default '',
    paused_by text not null,
    paused_at {integer} not null,
    primary key (account_id, endpoint_id)
) {strict};
