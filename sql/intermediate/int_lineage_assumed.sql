-- model:   int_lineage_assumed
-- purpose: Edges by the role session that an answer named, for sessions whose key no answer shows.
-- grain:   one row per (from_session_id, to_session_id)
-- order:   to_session_id, from_session_id
-- inputs:  int_identity_issuances, int_sessions, int_lineage_issued
-- stored:  full
-- columns: from_session_id  the session that came first
--          to_session_id    the session that follows from it
--          edge             assumed_role_id
--          confidence       0.9; 0.5 each where several callers could be it
--          is_by_service    a service asked for its own workload: competes with the others, but nobody is behind it
--          candidate_count  callers that could be it
--          is_workload_possible  a service is among them
--          event_recipient_account_id  account of the event that proves the edge
-- source:  DETECTION.md, "Lineage", 3: one real assumedRoleId had 46 issuances
with
issuances as (select * from int_identity_issuances where assumed_role_id is not null),
sessions as (
    select * from int_sessions
    where created_at is not null and session_id not in (select to_session_id from int_lineage_issued)
),
own_copies as (select distinct shared_event_id from issuances where not is_other_copy and shared_event_id is not null),
callers as (
    -- The other account's copy of a call is no second candidate.
    select * from issuances
    where not (is_other_copy and coalesce(shared_event_id in (select shared_event_id from own_copies), false))
),
matches as (
    select
        callers.from_session_id,
        sessions.session_id as to_session_id,
        callers.is_by_service,
        callers.event_date, callers.event_time, callers.event_id,
        callers.recipient_account_id as event_recipient_account_id,
        abs(epoch_us(sessions.created_at) - epoch_us(callers.event_time)) as distance
    from callers
    inner join sessions on callers.assumed_role_id = sessions.principal_id
    where
        sessions.created_at between callers.event_time - interval '2 seconds'
            and callers.event_time + interval '2 seconds'
        and sessions.first_event_time
            <= coalesce(callers.issued_expiration_at, callers.event_time + interval '12 hours')
        and sessions.session_id <> callers.from_session_id
),
candidates as (
    select *
    from matches
    qualify row_number() over (
        partition by from_session_id, to_session_id
        order by distance, event_time, event_recipient_account_id, event_id
    ) = 1
)
select
    from_session_id, to_session_id, 'assumed_role_id' as edge,
    case when count(*) over (partition by to_session_id) = 1 then 0.9 else 0.5 end::double as confidence,
    is_by_service,
    count(*) over (partition by to_session_id) as candidate_count,
    bool_or(is_by_service) over (partition by to_session_id) as is_workload_possible,
    event_date, event_time, event_id, event_recipient_account_id
from candidates
