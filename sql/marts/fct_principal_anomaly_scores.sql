-- model:   fct_principal_anomaly_scores
-- purpose: How unusual each principal's day was: its most surprising event, and what else there was.
-- grain:   one row per (event_date, recipient_account_id, principal_arn)
-- order:   event_date, recipient_account_id, principal_arn
-- inputs:  fct_event_anomaly_scores
-- stored:  by event_date
-- columns: anomaly_score         0 to 100, of the day's most surprising event; NULL without enough history
--          surprise_bits         bits, of that event
--          frequency_bin         of that event's action: UNSEEN, RARE, INFREQUENT, FREQUENT
--          event_count           scored events of the principal that day
--          policy_write_count    of them, attempts to change permissions
--          denied_count          of them, denied
--          first_seen_count      of them, events with a value that the principal never showed before
--          baseline_event_count  earlier events that the most surprising one was compared with
--          top_event_id          the most surprising event
--          reasons               its three largest surprises, in words
-- source:  DETECTION design, "Anomaly score"
with
scores as (select * from fct_event_anomaly_scores),
ranked as (
    select
        *,
        row_number() over (
            partition by event_date, recipient_account_id, principal_arn
            order by surprise_bits desc, event_time, event_id
        ) as place
    from scores
),
days as (
    select
        event_date, recipient_account_id, principal_arn,
        count(*) as event_count,
        count(*) filter (where is_policy_write) as policy_write_count,
        count(*) filter (where is_denied) as denied_count,
        count(*) filter (where len(first_seen) > 0) as first_seen_count
    from scores
    group by all
)
select
    r.event_date, r.recipient_account_id, r.principal_arn, r.anomaly_score, r.surprise_bits, r.frequency_bin,
    d.event_count, d.policy_write_count, d.denied_count, d.first_seen_count,
    r.baseline_event_count,
    r.event_id as top_event_id,
    r.reasons
from ranked as r
inner join days as d using (event_date, recipient_account_id, principal_arn)
where r.place = 1
