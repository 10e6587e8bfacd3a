-- A schedule whose runs wait until another share is done.
alter table schedule add column depends_on_share_id text;

create index schedule_by_dependence on schedule (depends_on_share_id);
