-- Denied, then granted: a lineage was refused a permission change or a call, and later got what it wanted.
with refused as (
    select
        w.recipient_account_id, w.event_id, w.event_time, w.event_name, w.target_key, s.root_baseline_arn
    from int_policy_writes as w
    inner join int_author_sessions as s on w.session_id = s.session_id
    where w.is_denied and w.target_key <> ''
),

changes as (
    select
        g.root_principal_arn, g.target_arn, g.event_name, g.delta_tier, g.class,
        concat('the change itself: ', r.event_name) as denied_what,
        max(r.event_time) as denied_at, arg_max(r.event_id, (r.event_time, r.event_id)) as denied_event_id,
        g.event_time as granted_at, g.event_id as granted_event_id
    from fct_grants as g
    inner join refused as r
        on g.root_baseline_arn = r.root_baseline_arn
        and g.target_key = r.target_key
        and r.event_time < g.event_time
    where g.is_effective
    group by all
),

uses as (
    select
        g.root_principal_arn, g.target_arn, g.event_name, g.delta_tier, g.class, u.iam_action as denied_what,
        e.event_time as denied_at, u.denied_event_id, g.event_time as granted_at, g.event_id as granted_event_id
    from int_grant_uses as u
    inner join fct_grants as g
        on u.recipient_account_id = g.recipient_account_id
        and u.event_id = g.event_id
        and u.target_arn = g.target_arn
    inner join int_identity_events as e
        on u.denied_account_id = e.recipient_account_id
        and u.denied_event_id = e.event_id
    where u.is_denied_first
)

select * from changes
union all
select * from uses
order by granted_at, granted_event_id, target_arn, denied_what
