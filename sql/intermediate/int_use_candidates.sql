-- model:   int_use_candidates
-- purpose: What the grant's lineage then did in sessions of the target: the calls that the evaluator judges.
-- grain:   one row per (recipient_account_id, event_id, target_arn, iam_action)
-- order:   recipient_account_id, event_id, target_arn, iam_action
-- inputs:  int_grant_sessions, int_author_actions
-- params:  $lookback_days
-- stored:  full
-- columns: session_id  session of the target that made the call first
--          use_account_id  account that recorded the call
--          first_used_at  the first such call after the grant that succeeded
--          use_event_id  its event id
--          use_date  its date
--          use_confidence  that the session belongs to the grant's lineage
--          is_temporal  it belongs there by a session name and an address alone
-- source:  DETECTION design, "Evidence per grant, and the class": U use

with sessions as (
    select * from int_grant_sessions
),

-- Calls that need no permission prove nothing about one.
actions as (
    select *
    from int_author_actions
    where
        first_success_at is not null
        and iam_action not in ('', 'sts:GetCallerIdentity', 'sts:GetSessionToken', 'sts:GetAccessKeyInfo')
        and event_source not in ('signin.amazonaws.com', 'sso.amazonaws.com')
),

calls as (
    select
        s.recipient_account_id, s.event_id, s.target_arn, s.session_id, s.confidence, s.has_temporal_edge,
        a.iam_action, a.recipient_account_id as use_account_id,
        case when a.first_success_at > s.event_time then a.first_success_at else a.last_success_at end as used_at,
        case
            when a.first_success_at > s.event_time then a.first_success_event_id else a.last_success_event_id
        end as use_event_id,
        a.event_date
    from sessions as s
    inner join actions as a on s.session_id = a.session_id
    -- What a workload does with the role it was passed is its job, unless it turns to IAM, STS or elsewhere.
    where
        a.last_success_at > s.event_time
        and a.last_success_at <= s.event_time + to_days($lookback_days::integer)
        and (not s.is_compute or s.is_compute_abroad)
)

select
    recipient_account_id,
    event_id,
    target_arn,
    iam_action,
    session_id,
    use_account_id,
    used_at as first_used_at,
    use_event_id,
    event_date as use_date,
    confidence as use_confidence,
    has_temporal_edge as is_temporal
from calls
qualify row_number() over (
    partition by recipient_account_id, event_id, target_arn, iam_action
    order by has_temporal_edge, confidence desc, used_at, use_event_id, use_account_id
) = 1
