-- model:   fct_event_anomaly_scores
-- purpose: How unusual each identity event is, among all of its account's in the 30 days before it.
-- grain:   one row per (event_date, recipient_account_id, event_id)
-- order:   event_date, event_time, recipient_account_id, event_id
-- inputs:  int_event_surprise, int_surprise_days
-- stored:  by event_date, lookback 30 days
-- columns: principal_arn         the baseline principal (int_event_features), not the session
--          anomaly_score         0 to 100: percentile of the surprise among the account's scored events of the 30
--                                days before; NULL where those are fewer than 200
--          surprise_bits         bits; sum of the three largest surprises
--          compared_event_count  events that the percentile was taken from
--          first_seen            features whose value the principal never showed before
--          reasons               the three largest surprises, in words
-- source:  DETECTION design, "Anomaly score"
with
surprises as (select * from int_event_surprise),
steps as (select * from int_surprise_days),
days as (select distinct event_date, recipient_account_id from surprises),
earlier as (
    select days.event_date, days.recipient_account_id, steps.step, sum(steps.event_count) as event_count
    from days
    inner join steps
        on days.recipient_account_id = steps.recipient_account_id
        and steps.event_date >= days.event_date - interval 30 days
        and steps.event_date < days.event_date
    group by all
),
wanted as (
    select distinct event_date, recipient_account_id, surprise_microbits // 250000 as step
    from surprises
),
placed as (
    select
        wanted.event_date, wanted.recipient_account_id, wanted.step,
        sum(earlier.event_count) as compared_count,
        sum(earlier.event_count) filter (where earlier.step < wanted.step) as below_count,
        sum(earlier.event_count) filter (where earlier.step = wanted.step) as equal_count
    from wanted
    inner join earlier using (event_date, recipient_account_id)
    group by wanted.event_date, wanted.recipient_account_id, wanted.step
)
select
    s.event_date, s.event_time, s.event_id, s.recipient_account_id,
    s.baseline_principal as principal_arn,
    case
        when p.compared_count >= 200
            then round(100.0 * (coalesce(p.below_count, 0) + 0.5 * coalesce(p.equal_count, 0)) / p.compared_count, 1)
    end as anomaly_score,
    s.surprise_microbits / 1e6 as surprise_bits,
    s.frequency_bin,
    s.baseline_event_count,
    coalesce(p.compared_count, 0)::bigint as compared_event_count,
    s.is_denied,
    s.is_policy_write,
    s.first_seen,
    s.reasons
from surprises as s
left join placed as p
    on s.event_date = p.event_date
    and s.recipient_account_id = p.recipient_account_id
    and s.surprise_microbits // 250000 = p.step
