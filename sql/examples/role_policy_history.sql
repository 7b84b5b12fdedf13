-- Each change of the inline policies of the roles that were changed most, with what was there before and after.
with busiest as (
    select recipient_account_id, lower(target_role_name) as role_name
    from fct_role_policy_timeline
    where target_role_name is not null
    group by recipient_account_id, lower(target_role_name)
    order by count(*) desc, recipient_account_id, role_name
    limit 5
)

select
    t.recipient_account_id,
    t.target_role_name,
    t.policy_name,
    t.event_time,
    t.root_principal_arn,
    t.is_denied,
    t.delta_tier,
    t.delta_state,
    t.actions_added,
    t.before_document,
    t.after_document,
    t.event_id
from fct_role_policy_timeline as t
inner join busiest as b
    on t.recipient_account_id = b.recipient_account_id
    and lower(t.target_role_name) = b.role_name
order by t.recipient_account_id, lower(t.target_role_name), t.event_time, t.event_id
