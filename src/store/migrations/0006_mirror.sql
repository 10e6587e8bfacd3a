-- Mirrors: what a share has sent before, and the several jobs of one run. Only `src/exchange` reads and writes these tables.
alter table run add column jobs_done {integer} not null default 0;

alter table run add column changes text;

alter table run add column ledger_id text;

alter table run add column ledger_open {integer} not null default 0;

alter table run_part add column job_mode text not null default '';

alter table run_part add column job_number {integer} not null default 0;

alter table run_part add column attempted_at {integer};

alter table run_part add column refused_rows text;

update run_part set job_mode = (select upper(run.mode) from run where run.id = run_part.run_id), job_number = number;

create table ledger (
    id text not null primary key,
    account_id text not null,
    share_id text not null,
    endpoint_id text not null,
    segment_id text,
    key {bytes} not null,
    columns text not null,
    members {integer} not null default 0,
    folder text,
    blocks {integer} not null default 0,
    updated_at {integer} not null
) {strict};

create index ledger_by_share on ledger (share_id, endpoint_id);

alter table share add column duplicates text not null default 'keep';

-- As before, and in which job the destination refused the rows: when one of two is sent again, its refusals count anew.
create table run_left_out_by_job (
    run_id text not null references run (id) on delete cascade,
    code text not null,
    destination_code text not null,
    field text not null,
    job_mode text not null default '',
    reason text not null,
    row_count {integer} not null,
    primary key (run_id, code, destination_code, field, job_mode)
) {strict};

insert into run_left_out_by_job (run_id, code, destination_code, field, reason, row_count)
    select run_id, code, destination_code, field, reason, row_count from run_left_out;

drop table run_left_out;

alter table run_left_out_by_job rename to run_left_out;
