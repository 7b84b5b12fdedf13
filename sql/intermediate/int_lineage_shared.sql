-- model:   int_lineage_shared
-- purpose: Edges between the two accounts' copies of one cross-account call: the caller is the same.
-- grain:   one row per (from_session_id, to_session_id)
-- order:   to_session_id, from_session_id
-- inputs:  int_identity_events
-- stored:  full
-- columns: from_session_id  the caller, in full, by its own account's copy
--          to_session_id    the caller as the other account's copy names it
--          edge             shared_event
--          confidence       1.0
--          event_recipient_account_id  account of the event that proves the edge
-- source:  DETECTION.md, "Lineage", 2; AWS CloudTrail record contents, sharedEventID
with
copies as (
    select event_date, event_time, event_id, recipient_account_id, shared_event_id, session_id, user_identity_type,
        user_identity_account_id
    from int_identity_events
    where shared_event_id is not null and event_source = 'sts.amazonaws.com'
)
select
    caller.session_id as from_session_id,
    other.session_id as to_session_id,
    'shared_event' as edge,
    1.0::double as confidence,
    caller.event_date, caller.event_time, caller.event_id,
    caller.recipient_account_id as event_recipient_account_id
from copies as caller
inner join copies as other on caller.shared_event_id = other.shared_event_id
where
    caller.recipient_account_id <> other.recipient_account_id
    and other.user_identity_type = 'AWSAccount'
    and caller.user_identity_type is distinct from 'AWSAccount'
    and caller.user_identity_account_id is not distinct from other.user_identity_account_id
    and caller.session_id <> other.session_id
qualify row_number() over (
    partition by caller.session_id, other.session_id
    order by caller.event_time, caller.recipient_account_id, caller.event_id
) = 1
