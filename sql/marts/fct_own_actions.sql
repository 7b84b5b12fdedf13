-- model:   fct_own_actions
-- purpose: One's own remediation as the logs show it: events whose request id an apply journal holds.
-- grain:   one row per (event_date, recipient_account_id, event_id)
-- order:   event_date, event_time, recipient_account_id, event_id
-- inputs:  stg_events, stg_own_calls
-- stored:  by event_date
-- columns: plan_id              the plan that the call belongs to
--          step_id              its step
--          remedied_finding_id  the finding that the step was to end; '' of a posture item
--          phase                done, rolled_back, or failed where the call was refused
-- source:  AWS "CloudTrail record contents", requestID: made by the service called, so that nobody can choose it

with calls as (
    select * from stg_own_calls
),

-- Named columns only: where there are no calls, not even these are read.
events as (
    select
        event_date, event_time, recipient_account_id, event_id, event_source, event_name, request_id,
        user_identity_arn, target_role_name, target_user_name, error_code, is_denied, archive_uri, record_index
    from stg_events
    where request_id in (select request_id from stg_own_calls)
)

select
    e.event_date,
    e.event_time,
    e.recipient_account_id,
    e.event_id,
    e.event_source,
    e.event_name,
    e.request_id,
    e.user_identity_arn,
    e.target_role_name,
    e.target_user_name,
    e.error_code,
    e.is_denied,
    c.plan_id,
    c.step_id,
    c.remedied_finding_id,
    c.phase,
    e.archive_uri,
    e.record_index
from events as e
inner join calls as c
    on e.recipient_account_id = c.recipient_account_id
    and e.request_id = c.request_id
    and e.event_name = c.event_name
