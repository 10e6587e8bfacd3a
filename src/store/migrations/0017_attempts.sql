-- How often a part was on its way. Only `src/exchange` reads and writes this.
alter table run_part add column attempts {integer} not null default 0;

create index run_by_destination on run (account_id, destination_endpoint_id, finished_at);
