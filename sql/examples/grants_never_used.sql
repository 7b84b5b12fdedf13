-- Which grants were never used: wide rights whose holder has made no call since, by anybody's session.
with holders as (
    select principal_key, max(last_event_time) as last_event_time
    from int_author_sessions
    where principal_key <> ''
    group by principal_key
)

select
    g.target_arn,
    g.delta_tier,
    g.policy_name,
    g.policy_arn,
    g.actions_added,
    g.root_principal_arn as granted_by,
    g.event_time as granted_at,
    h.last_event_time as target_last_seen_at,
    g.event_id
from fct_grants as g
left join holders as h on g.target_key = h.principal_key
where
    g.is_effective
    and g.tier_rank >= 2
    and (h.last_event_time is null or h.last_event_time <= g.event_time)
order by g.tier_rank desc, g.event_time, g.event_id, g.target_arn
