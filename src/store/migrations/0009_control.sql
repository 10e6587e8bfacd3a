-- Who is worked for next, what rests, and what waits for an endpoint that fails. Only `src/exchange` reads and writes this.
alter table run add column source_endpoint_id text;

alter table run add column destination_endpoint_id text;

alter table run add column expected_rows {integer};

alter table run add column turn_at {integer} not null default 0;

alter table run add column paused {integer} not null default 0;

-- A call that is tried again while the run is put aside: which, how often by now, and since when.
alter table run add column retry_step text;

alter table run add column retry_count {integer} not null default 0;

alter table run add column retry_since {integer};

-- Since when an endpoint is at work on a job while the run is put aside.
alter table run add column job_since {integer};

-- Endpoints whose last calls failed, one after the other.
create table circuit (
    endpoint_id text not null primary key,
    failures {integer} not null,
    open_until {integer} not null default 0
) {strict};
