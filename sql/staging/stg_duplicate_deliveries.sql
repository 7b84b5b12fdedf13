-- model:   stg_duplicate_deliveries
-- purpose: Copies of an event that lose to a better one of the same event and date: CloudTrail delivers at least once.
-- grain:   one row per (event_date, archive_uri, archive_version, record_index)
-- order:   event_date, recipient_account_id, event_id, archive_uri, archive_version, record_index
-- inputs:  lake_events, lake_archives
-- stored:  by event_date
-- columns: winner_archive_uri     archive of the copy that events shows
--          winner_archive_version  its version
--          winner_record_index     its position
--          is_conflicting_copy    the copy's bytes differ from the winner's: redelivery never changes a record
with
-- A hash first: eight bytes an event; two keys of one hash are told apart further down.
keys as (
    select event_date, hash(recipient_account_id, event_id) as key_hash
    from lake_events
    group by event_date, key_hash
    having count(*) > 1
),
verdicts as (
    select
        archive_uri, archive_version,
        arg_max(archive_key, batch_number * 1000000000 + batch_position) as archive_key,
        coalesce(bool_or(verification = 'verified'), false)
            and arg_max(verification, batch_number * 1000000000 + batch_position) = 'verified' as is_verified
    from lake_archives
    group by archive_uri, archive_version
),
copies as (
    select
        deliveries.event_date, deliveries.recipient_account_id, deliveries.event_id, deliveries.archive_uri,
        deliveries.archive_version, deliveries.record_index, deliveries.record_sha256,
        verdicts.archive_key, coalesce(verdicts.is_verified, false) as is_verified
    from lake_events as deliveries
    semi join keys
        on deliveries.event_date = keys.event_date
        and hash(deliveries.recipient_account_id, deliveries.event_id) = keys.key_hash
    left join verdicts
        on deliveries.archive_uri = verdicts.archive_uri
        and deliveries.archive_version = verdicts.archive_version
),
ranked as (
    select
        *,
        row_number() over best as place,
        first_value(archive_uri) over best as winner_archive_uri,
        first_value(archive_version) over best as winner_archive_version,
        first_value(record_index) over best as winner_record_index,
        first_value(record_sha256) over best as winner_record_sha256
    from copies
    window best as (
        partition by event_date, recipient_account_id, event_id
        order by is_verified desc, archive_key nulls last, archive_uri, archive_version, record_index
    )
)
select
    event_date, recipient_account_id, event_id, archive_uri, archive_version, record_index,
    winner_archive_uri, winner_archive_version, winner_record_index,
    record_sha256 is distinct from winner_record_sha256 as is_conflicting_copy
from ranked
where place > 1
