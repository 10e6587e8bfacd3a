-- How long an account keeps what is left of a run's rows, where it is not the installation's default. Only `src/exchange` reads and writes this.
create table retention (
    account_id text not null primary key references account (id) on delete cascade,
    days {integer} not null,
    changed_by text not null,
    changed_at {integer} not null
) {strict};
