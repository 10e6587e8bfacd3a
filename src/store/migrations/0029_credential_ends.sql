-- When what Usher calls an endpoint with ends and can't be renewed any more, as its authorisation server says. Only `src/registry` reads and writes this.
alter table endpoint add column credential_ends_at {integer};
