-- model:   int_lineage_same
-- purpose: Edges between the keys of one session: a console session rotates keys, one used 21.
-- grain:   one row per (from_session_id, to_session_id)
-- order:   to_session_id, from_session_id
-- inputs:  int_sessions, int_lineage_issued
-- stored:  full
-- columns: from_session_id  the key whose issuance is known, else the first used
--          to_session_id    another key of the same principal and start
--          edge             same_session
--          confidence       0.95; 0.5 each where the start is shared by several known issuances
--          event_date       of the event that proves the edge
--          event_time       of it
--          event_id         first event of the second key
--          event_recipient_account_id  account of the event that proves the edge
-- source:  DETECTION.md, "Lineage", 4: 7 of 39 real pairs held two keys of different issuances
with
grants as (select to_session_id, min(grant_key) as grant_key from int_lineage_issued group by to_session_id),
members as (
    select
        sessions.account_id, sessions.principal_id, sessions.created_at, sessions.session_id,
        sessions.first_event_time, sessions.first_event_id, sessions.first_recipient_account_id,
        sessions.event_date, grants.grant_key
    from int_sessions as sessions
    left join grants on sessions.session_id = grants.to_session_id
    where sessions.created_at is not null and sessions.principal_id is not null
),
placed as (
    select
        *,
        row_number() over (
            partition by account_id, principal_id, created_at, grant_key order by first_event_time, session_id
        ) as place_in_grant,
        row_number() over (
            partition by account_id, principal_id, created_at
            order by grant_key is null, first_event_time, session_id
        ) as place
    from members
),
-- The heads of a group: the first key of each known issuance, or simply the first key where none is known.
heads as (
    select *
    from placed
    where (grant_key is not null and place_in_grant = 1) or (grant_key is null and place = 1)
),
pairs as (
    select
        heads.session_id as from_session_id, others.session_id as to_session_id,
        others.event_date, others.first_event_time as event_time, others.first_event_id as event_id,
        others.first_recipient_account_id as event_recipient_account_id
    from heads
    inner join placed as others
        on heads.account_id = others.account_id
        and heads.principal_id = others.principal_id
        and heads.created_at = others.created_at
        and heads.session_id <> others.session_id
    where others.grant_key is null and not (heads.grant_key is null and others.place = 1)
)
select
    from_session_id, to_session_id, 'same_session' as edge,
    case when count(*) over (partition by to_session_id) = 1 then 0.95 else 0.5 end::double as confidence,
    event_date, event_time, event_id, event_recipient_account_id
from pairs
