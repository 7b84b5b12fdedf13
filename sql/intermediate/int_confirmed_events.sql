-- model:   int_confirmed_events
-- purpose: Identity events of a lineage from the moment that a grant of its was confirmed as abuse: they teach no
--          baseline what is usual.
-- grain:   one row per (event_date, recipient_account_id, event_id)
-- order:   event_date, recipient_account_id, event_id
-- inputs:  fct_grants, int_author_sessions, int_identity_events
-- stored:  full
-- columns: confirmed_at  first use that confirmed the grant
-- source:  DETECTION design, "Anomaly score": a confirmed finding leaves the baseline from its confirmation on, by
--          evidence, never by score
with
grants as (
    select root_session_id, coalesce(first_used_at, event_time) as confirmed_at
    from fct_grants
    where status = 'confirmed'
),
sessions as (select session_id, root_session_id from int_author_sessions),
events as (select event_date, recipient_account_id, event_id, event_time, session_id from int_identity_events),
confirmed as (
    select root_session_id, min(confirmed_at) as confirmed_at
    from grants
    group by root_session_id
)
select
    events.event_date, events.recipient_account_id, events.event_id,
    min(confirmed.confirmed_at) as confirmed_at
from confirmed
inner join sessions on confirmed.root_session_id = sessions.root_session_id
inner join events on sessions.session_id = events.session_id
where events.event_time >= confirmed.confirmed_at
group by all
