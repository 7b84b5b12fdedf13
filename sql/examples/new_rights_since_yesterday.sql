-- Who can now do what they could not yesterday: what the newest day's grants added, action by action.
-- "Yesterday" is the day before the newest event of the lake, so that an old archive answers as well.
with newest as (
    select max(event_date) as event_date from fct_grants
),

gained as (
    select
        g.event_time, g.target_arn, g.event_name, g.root_principal_arn, g.delta_tier, g.delta_state, g.event_id,
        unnest(case when len(g.actions_added) > 0 then g.actions_added else ['(not told by the record)'] end)
            as action_added
    from fct_grants as g
    inner join newest as n on g.event_date = n.event_date
    where g.is_effective
)

select
    target_arn,
    action_added,
    delta_tier,
    delta_state,
    root_principal_arn as granted_by,
    event_name,
    event_time,
    event_id
from gained
order by delta_tier desc, target_arn, action_added, event_time, event_id
