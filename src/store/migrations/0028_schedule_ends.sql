-- Schedules that end are told of from now on: every share with a schedule is looked at once.
insert into alert_watch (share_id, account_id, look_at)
select s.share_id, s.account_id, 0 from schedule s join share on share.id = s.share_id where share.state = 'active'
on conflict (share_id) do update set look_at = 0;
