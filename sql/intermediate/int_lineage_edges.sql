-- model:   int_lineage_edges
-- purpose: Every evidenced step from one session to the next; grants and uses are added by the detection models.
-- grain:   one row per (from_session_id, to_session_id)
-- order:   to_session_id, confidence, from_session_id
-- inputs:  int_sessions, int_lineage_issued, int_lineage_shared, int_lineage_assumed, int_lineage_same,
--          int_lineage_source, int_lineage_passed
-- stored:  full
-- columns: from_session_id  the session that came first
--          to_session_id    the session that follows from it
--          edge             issued_key, shared_event, same_session, assumed_role_id, source_identity, pass_role, temporal
--          confidence       0 to 1; temporal at most 0.5
--          is_shared_blame  the second session may as well have nobody but its own principal behind it
--          event_recipient_account_id  account of the event that proves the edge
-- source:  DETECTION.md, "Lineage"
with
evidenced as (
    select
        from_session_id, to_session_id, edge, confidence, is_handover as is_shared_blame,
        event_date, event_time, event_id, event_recipient_account_id
    from int_lineage_issued
    where not is_by_service
    union all
    select
        from_session_id, to_session_id, edge, confidence, false,
        event_date, event_time, event_id, event_recipient_account_id
    from int_lineage_shared
    union all
    select
        from_session_id, to_session_id, edge, confidence, is_workload_possible,
        event_date, event_time, event_id, event_recipient_account_id
    from int_lineage_assumed
    where not is_by_service
    union all
    select
        from_session_id, to_session_id, edge, confidence, false,
        event_date, event_time, event_id, event_recipient_account_id
    from int_lineage_same
    union all
    select
        from_session_id, to_session_id, edge, confidence, false,
        event_date, event_time, event_id, event_recipient_account_id
    from int_lineage_source
    union all
    select
        from_session_id, to_session_id, edge, confidence, confidence < 0.9,
        event_date, event_time, event_id, event_recipient_account_id
    from int_lineage_passed
),
explained as (
    select to_session_id from evidenced
    union
    select to_session_id from int_lineage_issued
    union
    select to_session_id from int_lineage_assumed
),
-- Names that a person or a tool chose; a service's names say nothing about who acted.
named as (
    select *
    from int_sessions
    where
        session_name is not null
        and first_source_ip_address is not null
        and network is not null
        and not is_service_linked
        and not regexp_matches(session_name, '^(i-[0-9a-f]{8,17}|[0-9a-f]{32}|AWSCodeBuild.*|GlueJobRunnerSession)$')
),
-- Few are left to guess about: found before anything is compared with their names.
unexplained as materialized (
    select named.*
    from named
    anti join explained on named.session_id = explained.to_session_id
    where named.created_at is not null and named.principal_kind = 'role'
),
temporal as (
    select
        earlier.session_id as from_session_id, later.session_id as to_session_id, 'temporal' as edge,
        0.5::double as confidence, true as is_shared_blame,
        later.event_date, later.first_event_time as event_time, later.first_event_id as event_id,
        later.first_recipient_account_id as event_recipient_account_id
    from unexplained as later
    inner join named as earlier
        on lower(later.session_name) = lower(earlier.session_name)
        and later.first_source_ip_address = earlier.first_source_ip_address
    where
        later.principal_identity is distinct from earlier.principal_identity
        and earlier.first_event_time < later.created_at
        and earlier.last_event_time >= later.created_at - interval '1 hour'
    qualify row_number() over (
        partition by later.session_id order by earlier.first_event_time desc, earlier.session_id
    ) = 1
),
together as (
    select * from evidenced
    union all
    select * from temporal
)
select
    from_session_id, to_session_id, edge, confidence, is_shared_blame,
    event_date, event_time, event_id, event_recipient_account_id
from together
qualify row_number() over (
    partition by from_session_id, to_session_id order by confidence desc, edge, event_time, event_id
) = 1
