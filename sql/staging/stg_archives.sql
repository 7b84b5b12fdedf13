-- model:   stg_archives
-- purpose: The latest verdict on each object and version that was ever listed.
-- grain:   one row per (archive_uri, archive_version)
-- order:   archive_key, archive_version, archive_uri
-- inputs:  lake_archives
with
ledger as (select * from lake_archives),
latest as (
    select *
    from ledger
    qualify row_number() over (
        partition by archive_uri, archive_version order by batch_number desc, batch_position desc
    ) = 1
)
select
    batch_number, batch_position, archive_uri, archive_version, archive_key, source_uri, kind, outcome, reason,
    detail, account_id, region, delivery_date, delivered_at, stored_bytes, inflated_bytes, archive_sha256,
    inflated_sha256, record_read_count, record_kept_count, record_quarantined_count, event_dates,
    first_event_time, last_event_time, verification, digest_uri, digest_key_fingerprint, chain_sha256
from latest
