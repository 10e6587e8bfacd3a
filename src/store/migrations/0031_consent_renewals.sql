-- Consents whose end moves with each renewal are renewed before it: when that was tried last, and whether the end moved then. Only `src/registry` reads and
-- writes these.
alter table endpoint add column renewal_tried_at {integer};

alter table endpoint add column credential_slides {integer} not null default 0;
