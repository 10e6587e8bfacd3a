-- Jobs that Usher keeps for endpoints which send or fetch by themselves. Only `src/exchange` reads and writes these tables.
create table job (
    id text not null primary key,
    account_id text not null,
    endpoint_id text not null,
    run_id text not null references run (id) on delete cascade,
    category text not null,
    request text not null,
    status text not null,
    segment_id text,
    declared_rows {integer},
    reason text,
    created_at {integer} not null,
    expires_at {integer} not null,
    ended_at {integer}
) {strict};

create index job_by_endpoint on job (endpoint_id, ended_at, created_at);

-- What a PUSH producer has sent of an export.
create table job_part (
    job_id text not null references job (id) on delete cascade,
    number {integer} not null,
    row_count {integer} not null,
    byte_count {integer} not null,
    sha256 text not null,
    primary key (job_id, number)
) {strict};

-- What a PULL consumer says became of a part of an import.
create table job_result (
    job_id text not null references job (id) on delete cascade,
    number {integer} not null,
    result text not null,
    primary key (job_id, number)
) {strict};
