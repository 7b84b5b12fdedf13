-- model:   int_surprise_days
-- purpose: A day's surprises per account, counted in steps of a quarter bit: what a percentile is taken from.
-- grain:   one row per (event_date, recipient_account_id, step)
-- order:   event_date, recipient_account_id, step
-- inputs:  int_event_surprise
-- stored:  by event_date
-- columns: step         whole quarter bits
--          event_count  events with that surprise
-- source:  DETECTION design, "Anomaly score"
with
surprises as (select event_date, recipient_account_id, surprise_microbits from int_event_surprise)
select
    event_date, recipient_account_id,
    surprise_microbits // 250000 as step,
    count(*) as event_count
from surprises
group by all
