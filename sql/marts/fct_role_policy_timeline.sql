-- model:   fct_role_policy_timeline
-- purpose: Every PutRolePolicy attempt, in order, per principal, with the policy before and after.
-- grain:   one row per (recipient_account_id, event_id)
-- order:   principal_arn, event_time, recipient_account_id, event_id
-- inputs:  int_policy_writes, stg_policy_deltas, int_author_sessions, fct_event_anomaly_scores
-- params:  $start_at, $end_at   UTC, half-open
-- stored:  full
-- columns: root_principal_arn  human, key or workload at the start of the session chain
--          target_role_arn  as the record states it, else made from account and name; '' where the record hides it
--          target_role_name  as written; from the error message on a denial
--          delta_tier  T0 to T4; null for an attempt that failed
--          delta_state  known, upper_bound, unknown; null for an attempt that failed
--          actions_added_count  catalogue actions newly allowed
--          is_self_target  the role is the caller's own
--          before_document  the same policy before, canonical JSON; null if there was none or it was never seen
--          after_document  the policy after, canonical JSON
--          seconds_since_previous  s since the principal's previous attempt; null on its first row
-- source:  IAM API Reference, PutRolePolicy; INTERFACE, "timeline.csv"

with writes as (
    select * from int_policy_writes
    where event_name = 'PutRolePolicy' and event_time >= $start_at and event_time < $end_at
),

deltas as (
    select * from stg_policy_deltas
),

sessions as (
    select session_id, root_principal_arn from int_author_sessions
),

scores as (
    select recipient_account_id, event_id, anomaly_score from fct_event_anomaly_scores
),

joined as (
    select
        w.*,
        coalesce(s.root_principal_arn, w.principal_arn) as root_principal_arn,
        d.tier, d.state, d.actions_added, d.actions_added_count, d.before_document, d.after_document,
        a.anomaly_score
    from writes as w
    -- What a refused call would have granted is not what the role was granted.
    left join deltas as d
        on w.recipient_account_id = d.recipient_account_id and w.event_id = d.event_id and w.is_success
    left join sessions as s on w.session_id = s.session_id
    left join scores as a on w.recipient_account_id = a.recipient_account_id and w.event_id = a.event_id
    qualify row_number() over (
        partition by w.recipient_account_id, w.event_id order by d.tier desc nulls last, d.target_arn
    ) = 1
)

select
    event_time,
    event_date,
    event_id,
    recipient_account_id,
    principal_arn,
    root_principal_arn,
    target_arn as target_role_arn,
    target_name as target_role_name,
    policy_name,
    is_success,
    is_denied,
    error_code,
    tier as delta_tier,
    state as delta_state,
    coalesce(actions_added, []::varchar[]) as actions_added,
    coalesce(actions_added_count, 0) as actions_added_count,
    actor_key <> '' and actor_key = target_key as is_self_target,
    anomaly_score,
    before_document,
    after_document,
    policy_document,
    (
        epoch(event_time) - lag(epoch(event_time)) over (
            partition by principal_arn order by event_time, recipient_account_id, event_id
        )
    )::bigint as seconds_since_previous,
    source_ip_address,
    user_agent,
    archive_uri,
    archive_version,
    record_index
from joined
