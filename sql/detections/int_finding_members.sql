-- model:   int_finding_members
-- purpose: Which grants and denied attempts make one finding: by root session and target, or by root session and day.
-- grain:   one row per (recipient_account_id, event_id)
-- order:   own_finding_id, event_time, recipient_account_id, event_id
-- inputs:  fct_grants, int_policy_writes, int_author_sessions, fct_own_actions
-- params:  $lookback_days
-- stored:  full
-- columns: own_finding_id  pt- and 16 hex digits of a hash over account, root session and first grant's event id
--          member_kind  grant or denied
--          is_deciding  a grant of the class that the finding has
--          finding_class  the finding's class
--          target_arn  principal that this member's change is judged by
--          rule  number of the rule that decided the finding; 5 for attempts
--          is_own_action  one's own remediation, by its request id; never in one finding with anything else
-- source:  DETECTION design: "One finding per root session and target: forty Terraform puts are not forty findings."

with grants as (
    select * from fct_grants where class is not null
),

writes as (
    select * from int_policy_writes
),

sessions as (
    select session_id, root_session_id, root_principal_arn, hop_count, is_service_actor from int_author_sessions
),

own as (
    select recipient_account_id, event_id from fct_own_actions
),

-- A write to a group or a shared policy changes several principals; the one that tells most stands for it.
chosen as (
    select
        recipient_account_id, event_id, event_time, event_date, target_arn, root_session_id, root_principal_arn, rule,
        class, tier_rank,
        coalesce(nullif(target_key, ''), concat(recipient_account_id, '|hidden|')) as target_key,
        (recipient_account_id, event_id) in (select (recipient_account_id, event_id) from own) as is_own_action
    from grants
    qualify row_number() over (
        partition by recipient_account_id, event_id
        order by rule, tier_rank desc, is_beneficiary desc, used_action_count desc, target_arn
    ) = 1
),

strong as (
    select root_session_id, root_principal_arn, target_key, min(rule) as rule, max(event_time) as last_grant_at
    from chosen
    where rule < 4 and not is_own_action
    group by root_session_id, root_principal_arn, target_key
),

-- Denied changes that would have granted something; taking rights away is no attempt to gain any.
denied as (
    select
        w.recipient_account_id, w.event_id, w.event_time, w.event_date, w.target_arn, w.target_key,
        (w.recipient_account_id, w.event_id) in (select (recipient_account_id, event_id) from own) as is_own_action,
        coalesce(s.root_session_id, w.session_id, '') as root_session_id,
        case when s.hop_count > 0 then s.root_principal_arn else w.principal_arn end as root_principal_arn
    from writes as w
    left join sessions as s on w.session_id = s.session_id
    where
        w.is_denied
        and not coalesce(s.is_service_actor, false)
        and (
            w.write_verb in ('put', 'attach', 'set_default', 'add', 'update')
            or (w.write_verb = 'create' and w.write_kind <> 'lifecycle')
            or (w.write_verb = 'delete' and w.write_kind = 'boundary')
        )
),

members as (
    select
        c.recipient_account_id, c.event_id, c.event_time, c.event_date, c.target_arn, 'grant' as member_kind,
        c.root_session_id, c.root_principal_arn, c.tier_rank, c.rule as own_rule, coalesce(s.rule, c.rule) as rule,
        c.is_own_action,
        case
            when c.is_own_action then concat('own|', c.event_date::varchar)
            when s.rule is not null then c.target_key
            else c.event_date::varchar
        end as group_key
    from chosen as c
    left join strong as s
        on c.root_session_id = s.root_session_id
        and c.root_principal_arn = s.root_principal_arn
        and c.target_key = s.target_key
        and not c.is_own_action
    union all
    select
        d.recipient_account_id, d.event_id, d.event_time, d.event_date, d.target_arn, 'denied' as member_kind,
        d.root_session_id, d.root_principal_arn, 0 as tier_rank, 5 as own_rule, coalesce(s.rule, 5) as rule,
        d.is_own_action,
        case
            when d.is_own_action then concat('own|', d.event_date::varchar)
            when s.rule is not null then d.target_key
            else d.event_date::varchar
        end as group_key
    from denied as d
    left join strong as s
        on d.root_session_id = s.root_session_id
        and d.root_principal_arn = s.root_principal_arn
        and d.target_key = s.target_key
        and not d.is_own_action
        and d.event_time <= s.last_grant_at
        and d.event_time >= s.last_grant_at - to_days($lookback_days::integer)
),

grouped as (
    select
        *,
        first_value(event_id) over first_member as first_event_id,
        first_value(recipient_account_id) over first_member as first_account_id
    from members
    window first_member as (
        partition by root_session_id, root_principal_arn, rule, group_key
        order by member_kind desc, event_time, recipient_account_id, event_id
    )
)

select
    concat('pt-', left(sha256(concat_ws('|', first_account_id, root_session_id, first_event_id)), 16))
        as own_finding_id,
    recipient_account_id,
    event_id,
    event_time,
    event_date,
    target_arn,
    member_kind,
    root_session_id,
    root_principal_arn,
    own_rule = rule as is_deciding,
    rule,
    case
        when rule < 5 and is_own_action then 'indeterminate'
        when rule = 1 then 'privilege_escalation'
        when rule = 2 then 'unauthorized_access'
        when rule = 3 then 'resource_misuse'
        when rule = 4 then 'indeterminate'
        else 'attempt'
    end as finding_class,
    is_own_action
from grouped
