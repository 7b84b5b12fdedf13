-- model:   int_finding_evidence
-- purpose: The events that each finding rests on, read before it is known under which id the finding was shown.
-- grain:   one row per (own_finding_id, recipient_account_id, event_id)
-- order:   own_finding_id, event_time, recipient_account_id, event_id
-- inputs:  int_finding_members, int_finding_steps, int_grant_beneficiaries, int_finding_uses,
--          int_compromise_signals, stg_events
-- stored:  full
-- columns: role  grant, assume, issue, use, denied, context
-- source:  INTERFACE, "findings.json"

with members as (
    select * from int_finding_members
),

granted as (
    select own_finding_id, recipient_account_id, event_id, target_arn from members where member_kind = 'grant'
),

steps as (
    select * from int_finding_steps
),

uses as (
    select * from int_finding_uses
),

cited as (
    select own_finding_id, member_kind as role, recipient_account_id, event_id, event_date from members
    union all
    select
        own_finding_id,
        case
            when edge = 'use' then 'use'
            when edge = 'grant' then 'grant'
            when edge in ('assumed_role_id', 'shared_event', 'pass_role') then 'assume'
            when edge = 'issued_key' then 'issue'
            else 'context'
        end as role,
        event_account_id, event_id, event_date
    from steps
    union all
    select
        g.own_finding_id, case when b.benefit in ('assumed', 'held') then 'assume' else 'context' end as role,
        b.proof_account_id, b.proof_event_id, b.proof_at::date
    from int_grant_beneficiaries as b
    inner join granted as g
        on b.recipient_account_id = g.recipient_account_id
        and b.event_id = g.event_id
        and b.target_arn = g.target_arn
    union all
    select own_finding_id, 'use' as role, use_account_id, use_event_id, use_date from uses
    union all
    select own_finding_id, 'denied' as role, denied_account_id, denied_event_id, denied_date
    from uses
    where is_denied_first
    union all
    select g.own_finding_id, 'context' as role, c.proof_account_id, c.proof_event_id, c.proof_date
    from int_compromise_signals as c
    inner join granted as g on c.recipient_account_id = g.recipient_account_id and c.event_id = g.event_id
),

ranked as (
    select own_finding_id, role, recipient_account_id, event_id, event_date
    from cited
    qualify row_number() over (
        partition by own_finding_id, recipient_account_id, event_id
        order by list_position(['grant', 'denied', 'assume', 'issue', 'use', 'context'], role)
    ) = 1
),

-- An event id stands for one event; where a forged second copy lies on another date, the cited date counts.
events as (
    select
        event_date, recipient_account_id, event_id, event_time, event_name, archive_uri, archive_version, record_index
    from stg_events
    where
        -- Asked as a question, so that the events are never what is held in memory; the dates spare files.
        ((event_date, event_id) in (select event_date, event_id from ranked)) is true
        and event_date in (select distinct event_date from ranked)
)

select
    r.own_finding_id,
    r.recipient_account_id,
    r.event_id,
    e.event_time,
    e.event_date,
    e.event_name,
    r.role,
    e.archive_uri,
    e.archive_version,
    e.record_index
from ranked as r
inner join events as e
    on r.event_date = e.event_date
    and r.recipient_account_id = e.recipient_account_id
    and r.event_id = e.event_id
