-- Who asked to see people's values as they are, of which audience, and when. Names are as they were then, and rows outlive the audience and the
-- person. Only `src/catalogue` reads and writes this.
create table values_shown (
    account_id text not null,
    audience_id text not null,
    audience_name text not null,
    user_id text not null,
    user_name text not null,
    shown_at {integer} not null,
    primary key (account_id, audience_id, shown_at, user_id)
) {strict};
