-- Counts how often a person has ended their sessions: what was signed in before is signed out, also when a request under way writes its session once more.
-- Only `src/registry` reads and writes it.
alter table app_user add column session_epoch {integer} not null default 0;
