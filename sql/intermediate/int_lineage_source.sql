-- model:   int_lineage_source
-- purpose: Edges by what survives role chaining: the source identity, or provider and subject of a federated sign-in.
-- grain:   one row per (from_session_id, to_session_id)
-- order:   to_session_id, from_session_id
-- inputs:  int_identity_issuances, int_sessions, int_lineage_issued, int_lineage_assumed
-- stored:  full
-- columns: from_session_id  the session that came first
--          to_session_id    the session that follows from it
--          edge        source_identity
--          confidence  0.9; 0.5 each where several principals set the same identity within 12 hours
--          event_recipient_account_id  account of the event that proves the edge
-- source:  DETECTION.md, "Lineage", 5; IAM user guide, "Monitor and control actions taken with assumed roles"
with
issuances as (select * from int_identity_issuances where not is_by_service),
sessions as (select * from int_sessions),
explained as (
    select to_session_id from int_lineage_issued
    union
    select to_session_id from int_lineage_assumed
),
open_sessions as (
    select
        session_id, created_at, source_identity, principal_id, event_date, first_event_time, first_event_id,
        first_recipient_account_id,
        federated_provider || '|' || try(json_extract_string(federated_attributes, '$.sub')) as own_subject
    from sessions
    where created_at is not null and session_id not in (select to_session_id from explained)
),
namings as (
    select
        session_id, created_at, from_session_id, issuances.event_date, event_time, event_id, recipient_account_id
    from open_sessions
    inner join issuances on open_sessions.source_identity = issuances.requested_source_identity
    union all
    select
        session_id, created_at, from_session_id, issuances.event_date, event_time, event_id, recipient_account_id
    from open_sessions
    inner join issuances on open_sessions.own_subject = issuances.federated_subject
),
-- Whoever named the source identity when it assumed a role: it can be set only once in a chain.
setters as (
    select
        namings.from_session_id, namings.session_id as to_session_id, callers.own_principal_arn,
        namings.event_date, namings.event_time, namings.event_id,
        namings.recipient_account_id as event_recipient_account_id
    from namings
    inner join sessions as callers on namings.from_session_id = callers.session_id
    where
        namings.created_at between namings.event_time - interval '2 seconds'
            and namings.event_time + interval '12 hours'
        and namings.from_session_id <> namings.session_id
    qualify row_number() over (
        partition by namings.session_id, callers.own_principal_arn
        order by namings.event_time desc, namings.recipient_account_id, namings.event_id, namings.from_session_id
    ) = 1
),
-- No setter in sight: the first session that bears the identity, of the same 12 hours.
bearers as (
    select
        first_bearer.session_id as from_session_id, open_sessions.session_id as to_session_id,
        first_bearer.own_principal_arn,
        open_sessions.event_date, open_sessions.first_event_time as event_time,
        open_sessions.first_event_id as event_id,
        open_sessions.first_recipient_account_id as event_recipient_account_id
    from open_sessions
    inner join sessions as first_bearer on open_sessions.source_identity = first_bearer.source_identity
    where
        open_sessions.session_id not in (select to_session_id from setters)
        and first_bearer.principal_id is distinct from open_sessions.principal_id
        and first_bearer.created_at < open_sessions.created_at
        and first_bearer.created_at >= open_sessions.created_at - interval '12 hours'
    qualify row_number() over (
        partition by open_sessions.session_id order by first_bearer.created_at, first_bearer.session_id
    ) = 1
),
candidates as (
    select * from setters
    union all
    select * from bearers
)
select
    from_session_id, to_session_id, 'source_identity' as edge,
    case when count(*) over (partition by to_session_id) = 1 then 0.9 else 0.5 end::double as confidence,
    event_date, event_time, event_id, event_recipient_account_id
from candidates
