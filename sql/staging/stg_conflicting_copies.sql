-- model:   stg_conflicting_copies
-- purpose: Events whose copies disagree in bytes or date: redelivery never changes a record, so one may be forged.
-- grain:   one row per (recipient_account_id, event_id)
-- order:   recipient_account_id, event_id
-- inputs:  lake_events, stg_duplicate_deliveries
-- columns: delivery_count    copies delivered
--          distinct_count    different records among them
--          first_event_date  earliest date that a copy claims
--          last_event_date   latest date that a copy claims
--          archive_uris      archives that hold a copy, sorted
with
-- A hash first: eight bytes an event, whatever the lake's size.
moved as (
    select hash(recipient_account_id, event_id) as key_hash
    from lake_events
    group by key_hash
    having min(event_date) <> max(event_date)
),
changed as (
    select distinct hash(recipient_account_id, event_id) as key_hash
    from stg_duplicate_deliveries
    where is_conflicting_copy
),
suspects as (
    select key_hash from moved
    union
    select key_hash from changed
),
copies as (
    select recipient_account_id, event_id, event_date, record_sha256, archive_uri
    from lake_events
    where hash(recipient_account_id, event_id) in (select key_hash from suspects)
)
select
    recipient_account_id,
    event_id,
    count(*) as delivery_count,
    count(distinct coalesce(record_sha256, '')) as distinct_count,
    min(event_date) as first_event_date,
    max(event_date) as last_event_date,
    list_sort(list_distinct(list(archive_uri))) as archive_uris
from copies
group by recipient_account_id, event_id
-- Two keys of one hash are told apart here.
having count(distinct (event_date, coalesce(record_sha256, ''))) > 1
