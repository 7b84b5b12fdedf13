-- Who puts role policies most, how often in vain, and how the calls follow each other.
select
    root_principal_arn,
    count(*) as attempt_count,
    count(*) filter (where is_denied) as denied_count,
    count(distinct target_role_arn) as role_count,
    count(distinct recipient_account_id) as account_count,
    count(*) filter (where delta_tier >= 'T2') as wide_count,
    count(*) filter (where is_self_target) as self_target_count,
    min(event_time) as first_at,
    max(event_time) as last_at,
    min(seconds_since_previous) as shortest_gap_seconds
from fct_role_policy_timeline
group by root_principal_arn
order by attempt_count desc, root_principal_arn
limit 50
