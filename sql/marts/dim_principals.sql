-- model:   dim_principals
-- purpose: Every principal that acted, as the records name it, with what it did in all.
-- grain:   one row per (principal_arn, account_id)
-- order:   account_id, principal_arn
-- inputs:  int_sessions, int_policy_writes
-- stored:  full
-- columns: principal_arn           own_principal_arn of int_sessions: ARN with session name, else subject, service, account
--          session_count           sessions
--          first_seen_at           first event
--          last_seen_at            last event
--          event_count             events
--          denied_count            denials among them
--          policy_write_count      attempts to change permissions
--          policy_write_success_count  those that succeeded
with
sessions as (select * from int_sessions),
writes as (
    select session_id, count(*) as policy_write_count, count(*) filter (where is_success) as policy_write_success_count
    from int_policy_writes
    where session_id is not null
    group by session_id
)
select
    coalesce(own_principal_arn, '') as principal_arn,
    coalesce(account_id, '') as account_id,
    min(principal_kind) as principal_kind,
    bool_or(is_service_linked) as is_service_linked,
    min(baseline_principal_arn) as baseline_principal_arn,
    min(principal_identity) as principal_identity,
    count(*) as session_count,
    min(first_event_time) as first_seen_at,
    max(last_event_time) as last_seen_at,
    sum(event_count)::bigint as event_count,
    sum(denied_count)::bigint as denied_count,
    coalesce(sum(policy_write_count), 0)::bigint as policy_write_count,
    coalesce(sum(policy_write_success_count), 0)::bigint as policy_write_success_count
from sessions
left join writes on sessions.session_id = writes.session_id
group by 1, 2
