-- model:   stg_quarantine
-- purpose: What could not become an event, and why: whole archives (no record_index) and single records.
-- grain:   one row per (quarantine_number)
-- order:   quarantine_number
-- inputs:  lake_quarantine
-- columns: quarantine_number  position in the order of commits, from 1
with
entries as (select * from lake_quarantine)
select
    row_number() over (
        order by
            batch_number, archive_key nulls last, archive_uri, archive_version, record_index nulls first,
            byte_offset nulls first, reason, detail nulls first, raw_excerpt nulls first
    ) as quarantine_number,
    batch_number, archive_uri, archive_version, archive_key, record_index, byte_offset, reason, detail,
    raw_excerpt
from entries
