-- How often a run's source was read again from the start. Only `src/exchange` reads and writes this.
alter table run add column reads_again {integer} not null default 0;

-- Rows of a repaired file are kept before there is a run for them: what somebody began to upload and never ended is swept away by this.
create table repair_upload (
    run_id text not null primary key,
    begun_at {integer} not null
) {strict};

-- Runs whose share was deleted with its ledger have nobody any more to tell what became of them.
update run set ledger_open = 0, read_whole_at = null
where ledger_open = 1 and not exists (select 1 from ledger where ledger.id = run.ledger_id);
