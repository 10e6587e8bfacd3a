-- Since when an endpoint does not take any more what Usher shows it: somebody has to give that anew. Only `src/registry` reads and writes this.
alter table endpoint add column access_ended_at {integer};
