-- model:   int_write_tiers
-- purpose: The highest tier that each permission-changing call added to anyone, with its date.
-- grain:   one row per (recipient_account_id, event_id)
-- order:   event_date, recipient_account_id, event_id
-- inputs:  int_policy_writes, stg_policy_deltas
-- stored:  full
-- columns: tier  T0 to T4
-- source:  docs/policy.md
with
writes as (select recipient_account_id, event_id, event_date from int_policy_writes),
deltas as (select recipient_account_id, event_id, tier from stg_policy_deltas)
select
    writes.event_date,
    writes.recipient_account_id,
    writes.event_id,
    max(deltas.tier) as tier
from writes
inner join deltas
    on writes.recipient_account_id = deltas.recipient_account_id
    and writes.event_id = deltas.event_id
group by all
