-- Runs, their parts, their rejects and what happened in them. Only `src/exchange` reads and writes these tables.
create table run (
    id text not null primary key,
    account_id text not null,
    share_id text not null,
    mapping_version {integer} not null,
    plan text not null,
    audience_name text not null,
    source_name text not null,
    destination_name text not null,
    destination_segment text not null,
    mode text not null,
    search text not null,
    state text not null,
    version {integer} not null default 1,
    lease_owner text,
    lease_expires_at {integer} not null default 0,
    fencing {integer} not null default 0,
    cancel_requested {integer} not null default 0,
    woken {integer} not null default 0,
    payload_key {bytes},
    export_job_id text,
    import_job_id text,
    segment_id text,
    read_whole_at {integer},
    source_header text,
    waiting text,
    failure text,
    hold text,
    retries {integer} not null default 0,
    declared {integer},
    rows_read {integer} not null default 0,
    rows_valid {integer} not null default 0,
    rows_rejected {integer} not null default 0,
    rows_sent {integer} not null default 0,
    rows_acknowledged {integer} not null default 0,
    rows_refused {integer} not null default 0,
    bytes_read {integer} not null default 0,
    bytes_sent {integer} not null default 0,
    parts {integer} not null default 0,
    parts_acknowledged {integer} not null default 0,
    receipt text,
    receipt_sha256 text,
    created_at {integer} not null,
    started_at {integer},
    finished_at {integer},
    payload_removed_at {integer}
) {strict};

create index run_by_account on run (account_id, created_at);

create index run_by_share on run (share_id, created_at);

create index run_by_state on run (state, lease_expires_at);

create table run_part (
    run_id text not null references run (id) on delete cascade,
    number {integer} not null,
    row_count {integer} not null,
    byte_count {integer} not null,
    sha256 text not null,
    acknowledged_at {integer},
    accepted {integer} not null default 0,
    refused {integer} not null default 0,
    primary key (run_id, number)
) {strict};

create table run_reject_file (
    run_id text not null references run (id) on delete cascade,
    stage {integer} not null,
    number {integer} not null,
    row_count {integer} not null,
    primary key (run_id, stage, number)
) {strict};

create table run_left_out (
    run_id text not null references run (id) on delete cascade,
    code text not null,
    destination_code text not null,
    field text not null,
    reason text not null,
    row_count {integer} not null,
    primary key (run_id, code, destination_code, field)
) {strict};

create table run_left_empty (
    run_id text not null references run (id) on delete cascade,
    field text not null,
    code text not null,
    reason text not null,
    row_count {integer} not null,
    primary key (run_id, field, code)
) {strict};

create table run_event (
    run_id text not null references run (id) on delete cascade,
    ordinal {integer} not null,
    at {integer} not null,
    message text not null,
    primary key (run_id, ordinal)
) {strict};
