-- model:   fct_finding_evidence
-- purpose: The events that each finding rests on, and where their raw records lie.
-- grain:   one row per (finding_id, recipient_account_id, event_id)
-- order:   finding_id, event_time, recipient_account_id, event_id
-- inputs:  int_finding_evidence, stg_finding_ids, stg_archives
-- stored:  full
-- columns: role  grant, assume, issue, use, denied, context
--          verification  verdict of the archive's digest; null where it was not checked
-- source:  INTERFACE, "findings.json"

with archives as (
    select archive_uri, archive_version, verification from stg_archives
),

-- Findings that were one before are one again; of an event that several of them cite, the role that tells most counts.
cited as (
    select e.*, i.finding_id
    from int_finding_evidence as e
    inner join stg_finding_ids as i on e.own_finding_id = i.own_finding_id
    qualify row_number() over (
        partition by i.finding_id, e.recipient_account_id, e.event_id
        order by list_position(['grant', 'denied', 'assume', 'issue', 'use', 'context'], e.role)
    ) = 1
)

select
    c.finding_id,
    c.recipient_account_id,
    c.event_id,
    c.event_time,
    c.event_date,
    c.event_name,
    c.role,
    c.archive_uri,
    c.archive_version,
    c.record_index,
    a.verification
from cited as c
left join archives as a on c.archive_uri = a.archive_uri and c.archive_version = a.archive_version
