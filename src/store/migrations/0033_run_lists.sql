-- Runs are never deleted: what the start page and the lists ask of them is found without walking through all of an account's.
create index run_by_account_state on run (account_id, state, created_at);

create index run_by_account_end on run (account_id, finished_at);
