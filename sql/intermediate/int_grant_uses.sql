-- model:   int_grant_uses
-- purpose: Uses of a grant: calls that its delta allows and that the lineage had neither made before nor could make.
-- grain:   one row per (recipient_account_id, event_id, target_arn, iam_action)
-- order:   recipient_account_id, event_id, target_arn, first_used_at, iam_action
-- inputs:  int_use_candidates, int_grant_deltas, int_author_actions, int_author_sessions, stg_use_verdicts
-- params:  $lookback_days
-- stored:  full
-- columns: is_proven  the target could not do it before, or the same lineage was denied it first
--          is_denied_first  the same lineage was denied it before the grant
--          denied_event_id  the last such denial
--          denied_account_id  account that recorded it
--          denied_date  its date
--          is_destructive  the call deletes, stops or disables something
-- source:  DETECTION design, "Evidence per grant, and the class": U use

with candidates as (
    select * from int_use_candidates
),

verdicts as (
    select recipient_account_id, event_id, target_arn, iam_action, is_allowed_by_delta, was_allowed_before
    from stg_use_verdicts
),

grants as (
    select recipient_account_id, event_id, target_arn, event_time, root_baseline_arn, is_credential
    from int_grant_deltas
),

allowed as (
    select c.*, g.event_time, g.root_baseline_arn, v.was_allowed_before
    from candidates as c
    inner join grants as g
        on c.recipient_account_id = g.recipient_account_id
        and c.event_id = g.event_id
        and c.target_arn = g.target_arn
    left join verdicts as v
        on c.recipient_account_id = v.recipient_account_id
        and c.event_id = v.event_id
        and c.target_arn = v.target_arn
        and c.iam_action = v.iam_action
    -- Another user's credentials bring all that this user may do; there is no document to judge the call by.
    where g.is_credential or (v.is_allowed_by_delta and v.was_allowed_before is distinct from true)
),

past as (
    select
        s.root_baseline_arn, a.iam_action, a.recipient_account_id, a.event_date, a.first_success_at,
        a.first_denied_at, a.last_denied_at, a.last_denied_event_id
    from int_author_actions as a
    inner join int_author_sessions as s on a.session_id = s.session_id
    semi join allowed as w on a.iam_action = w.iam_action and s.root_baseline_arn = w.root_baseline_arn
),

compared as (
    select
        w.recipient_account_id, w.event_id, w.target_arn, w.iam_action,
        coalesce(bool_or(p.first_success_at <= w.event_time), false) as was_made_before,
        coalesce(bool_or(
            p.first_denied_at < w.event_time
            and p.first_denied_at >= w.event_time - to_days($lookback_days::integer)
        ), false) as is_denied_first,
        arg_max(
            struct_pack(
                event_id := p.last_denied_event_id, account_id := p.recipient_account_id, event_date := p.event_date
            ),
            (p.last_denied_at, p.last_denied_event_id)
        ) filter (where p.last_denied_at < w.event_time) as denial
    from allowed as w
    left join past as p on w.iam_action = p.iam_action and w.root_baseline_arn = p.root_baseline_arn
    group by all
)

select
    w.recipient_account_id,
    w.event_id,
    w.target_arn,
    w.iam_action,
    w.session_id,
    w.use_account_id,
    w.first_used_at,
    w.use_event_id,
    w.use_date,
    w.use_confidence,
    w.is_temporal,
    coalesce(w.was_allowed_before = false, false) or c.is_denied_first as is_proven,
    c.is_denied_first,
    c.denial.event_id as denied_event_id,
    c.denial.account_id as denied_account_id,
    c.denial.event_date as denied_date,
    regexp_matches(
        split_part(w.iam_action, ':', 2),
        '^(Delete|Terminate|Stop|Disable|Deregister|Detach|Remove|Revoke|Purge|Schedule.*Deletion|Put.*Lifecycle)'
    ) as is_destructive
from allowed as w
inner join compared as c
    on w.recipient_account_id = c.recipient_account_id
    and w.event_id = c.event_id
    and w.target_arn = c.target_arn
    and w.iam_action = c.iam_action
where not c.was_made_before
