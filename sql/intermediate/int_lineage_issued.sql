-- model:   int_lineage_issued
-- purpose: Edges that a key proves: an answer handed out a key, and a session used it.
-- grain:   one row per (from_session_id, to_session_id)
-- order:   to_session_id, from_session_id
-- inputs:  int_identity_issuances, int_sessions
-- params:  $handover_hours
-- stored:  full
-- columns: from_session_id  the session that came first
--          to_session_id    the session that follows from it
--          edge        issued_key
--          confidence  1.0 of STS answers and of a user's key for itself; of a key for another user 0.9 where its
--                      first use is soon and from the creator's network or kind of client, else 0.5 (a hand-over)
--          is_handover  the key's user may be another person than its creator
--          is_by_service  the key went to a service's own workload: proof of which answer, but nobody is behind it
--          grant_key   one for both accounts' copies of one answer
--          event_recipient_account_id  account of the event that proves the edge
-- source:  DETECTION.md, "Lineage", 1
with
issuances as (
    select * from int_identity_issuances where regexp_full_match(issued_access_key_id, '[A-Z0-9]{16,128}')
),
sessions as (select * from int_sessions),
used as (
    select
        issuances.from_session_id,
        sessions.session_id as to_session_id,
        issuances.event_date, issuances.event_time, issuances.event_id,
        issuances.recipient_account_id as event_recipient_account_id,
        coalesce(issuances.shared_event_id, issuances.event_id) as grant_key,
        issuances.is_by_service,
        issuances.event_name = 'CreateAccessKey'
            and lower(coalesce(issuances.issued_to_user_name, '')) is distinct from
            lower(coalesce(issuances.user_identity_user_name, '')) as is_for_another,
        sessions.first_event_time between issuances.event_time - interval '2 seconds'
            and issuances.event_time + to_hours($handover_hours::integer)
            and coalesce(
                sessions.network = issuances.network or sessions.client_kind = issuances.client_kind, false
            ) as is_like_creator
    from issuances
    inner join sessions on issuances.issued_access_key_id = sessions.access_key_id
    where sessions.session_id <> issuances.from_session_id
)
select
    from_session_id, to_session_id, 'issued_key' as edge,
    case when not is_for_another then 1.0 when is_like_creator then 0.9 else 0.5 end::double as confidence,
    is_for_another and not is_like_creator as is_handover,
    is_by_service, grant_key, event_date, event_time, event_id, event_recipient_account_id
from used
qualify row_number() over (
    partition by from_session_id, to_session_id order by event_time, event_recipient_account_id, event_id
) = 1
