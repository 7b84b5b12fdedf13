-- model:   int_author_standings
-- purpose: Whether changing permissions is the usual work of whoever is behind a session, on the days it did so.
-- grain:   one row per (recipient_account_id, root_session_id, event_date)
-- order:   recipient_account_id, root_session_id, event_date
-- inputs:  int_policy_writes, int_author_sessions, int_author_actions
-- params:  $lookback_days, $authorised_min_writes, $authorised_min_days, $history_min_days, $history_min_events,
--          $allow_list, $break_glass
-- stored:  full
-- columns: authorised  yes, no, unknown
--          is_allow_listed  named by the allow-list
--          is_break_glass  named by the break-glass list: reported, never taken for routine
--          earlier_write_count  permission changes that succeeded on earlier days, not of this session, not on itself
--          earlier_write_day_count  days with such a change
--          earlier_event_count  events of the principal on earlier days
--          account_history_days  days from the account's first event to this one
-- source:  DETECTION design, "Evidence per grant, and the class": A authorised

with sessions as (
    select session_id, root_session_id, root_baseline_arn, root_principal_arn, created_at from int_author_sessions
),

roots as (
    select session_id as root_session_id, created_at is null as is_long_lived from sessions
),

writes as (
    select
        w.recipient_account_id, w.event_date, w.is_success, w.write_kind, w.target_key, w.actor_key,
        w.actor_issuer_arn, s.root_session_id, s.root_baseline_arn, s.root_principal_arn
    from int_policy_writes as w
    inner join sessions as s on w.session_id = s.session_id
),

asked as (
    select
        recipient_account_id, root_session_id, event_date, root_baseline_arn,
        min(root_principal_arn) as root_principal_arn,
        list(distinct actor_issuer_arn) as actor_issuer_arns
    from writes
    group by recipient_account_id, root_session_id, event_date, root_baseline_arn
),

-- Changing one's own permissions is no evidence of being entitled to change others'.
write_days as (
    select root_baseline_arn, root_session_id, event_date, count(*) as write_count
    from writes
    where is_success and write_kind <> 'credential' and target_key is distinct from actor_key
    group by root_baseline_arn, root_session_id, event_date
),

baseline_days as (
    select root_baseline_arn, event_date, sum(write_count) as write_count
    from write_days
    group by root_baseline_arn, event_date
),

event_days as (
    select s.root_baseline_arn, a.event_date, sum(a.event_count) as event_count
    from int_author_actions as a
    inner join sessions as s on a.session_id = s.session_id
    where s.root_baseline_arn in (select root_baseline_arn from asked)
    group by s.root_baseline_arn, a.event_date
),

accounts as (
    select recipient_account_id, min(event_date) as first_date from int_author_actions group by recipient_account_id
),

-- A session that spans days must not vouch for itself; a long-lived key is no session, only its day counts.
own_days as (
    select
        a.recipient_account_id, a.root_session_id, a.event_date,
        sum(w.write_count) as write_count, count(*) as day_count
    from asked as a
    inner join roots as r on a.root_session_id = r.root_session_id and not r.is_long_lived
    inner join write_days as w
        on a.root_session_id = w.root_session_id
        and w.event_date < a.event_date
        and w.event_date >= a.event_date - $lookback_days::integer
    group by a.recipient_account_id, a.root_session_id, a.event_date
),

pasts as (
    select
        a.recipient_account_id, a.root_session_id, a.event_date,
        sum(b.write_count) as write_count, count(*) as day_count
    from asked as a
    inner join baseline_days as b
        on a.root_baseline_arn = b.root_baseline_arn
        and b.event_date < a.event_date
        and b.event_date >= a.event_date - $lookback_days::integer
    group by a.recipient_account_id, a.root_session_id, a.event_date
),

activity as (
    select a.recipient_account_id, a.root_session_id, a.event_date, sum(e.event_count) as event_count
    from asked as a
    inner join event_days as e
        on a.root_baseline_arn = e.root_baseline_arn
        and e.event_date < a.event_date
        and e.event_date >= a.event_date - $lookback_days::integer
    group by a.recipient_account_id, a.root_session_id, a.event_date
),

counted as (
    select
        a.recipient_account_id, a.root_session_id, a.event_date, a.root_baseline_arn,
        list_distinct(list_concat([a.root_baseline_arn, a.root_principal_arn], a.actor_issuer_arns)) as names,
        greatest(coalesce(p.write_count, 0) - coalesce(o.write_count, 0), 0)::bigint as earlier_write_count,
        greatest(coalesce(p.day_count, 0) - coalesce(o.day_count, 0), 0)::bigint as earlier_write_day_count,
        coalesce(t.event_count, 0)::bigint as earlier_event_count,
        coalesce(a.event_date - c.first_date, 0)::bigint as account_history_days
    from asked as a
    left join pasts as p using (recipient_account_id, root_session_id, event_date)
    left join own_days as o using (recipient_account_id, root_session_id, event_date)
    left join activity as t using (recipient_account_id, root_session_id, event_date)
    left join accounts as c using (recipient_account_id)
),

listed as (
    select
        *,
        len(list_filter($allow_list::varchar[], lambda entry: len(list_filter(
            names, lambda name: name glob entry
        )) > 0)) > 0 as is_allow_listed,
        len(list_filter($break_glass::varchar[], lambda entry: len(list_filter(
            names, lambda name: name glob entry
        )) > 0)) > 0 as is_break_glass
    from counted
)

select
    recipient_account_id,
    root_session_id,
    event_date,
    root_baseline_arn,
    case
        when is_break_glass then 'unknown'
        when is_allow_listed then 'yes'
        when earlier_write_count >= $authorised_min_writes and earlier_write_day_count >= $authorised_min_days
            then 'yes'
        when account_history_days < $history_min_days or earlier_event_count < $history_min_events then 'unknown'
        else 'no'
    end as authorised,
    is_allow_listed,
    is_break_glass,
    earlier_write_count,
    earlier_write_day_count,
    earlier_event_count,
    account_history_days
from listed
