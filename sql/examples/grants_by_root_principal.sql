-- All grants by one root principal, across the roles it acted through and the accounts it reached.
-- The inner query picks whoever granted most; put an ARN in its place to follow somebody else.
with chosen as (
    select root_principal_arn
    from fct_grants
    where is_effective
    group by root_principal_arn
    order by count(*) desc, root_principal_arn
    limit 1
)

select
    g.root_principal_arn,
    g.recipient_account_id,
    g.actor_arn,
    g.event_time,
    g.event_name,
    g.target_arn,
    g.policy_name,
    g.delta_tier,
    g.delta_state,
    g.beneficiary,
    g.used_actions,
    g.class,
    g.event_id
from fct_grants as g
inner join chosen as c on g.root_principal_arn = c.root_principal_arn
where g.is_effective
order by g.event_time, g.recipient_account_id, g.event_id, g.target_arn
