-- model:   int_finding_uses
-- purpose: The calls that show what a finding's grants were used for, one by one, the first hundred of each finding.
-- grain:   one row per (own_finding_id, use_account_id, use_event_id)
-- order:   own_finding_id, used_at, use_account_id, use_event_id
-- inputs:  int_finding_members, int_grant_uses, int_author_actions, int_author_sessions, int_session_days, stg_events
-- params:  $lookback_days
-- stored:  full
-- columns: use_account_id  account that recorded the call
--          use_event_id  its event id
--          use_date  its date
--          used_at  its time
--          user_arn  the session that made the call, as the record names it
--          is_first  the first use of its action
--          use_confidence  that the session belongs to the grant's lineage
--          is_denied_first  the lineage was denied it before the grant
--          denied_event_id  the last such denial
--          denied_account_id  account that recorded it
--          denied_date  its date
-- source:  DETECTION design, "Evidence per grant, and the class": U use

with members as (
    select * from int_finding_members where member_kind = 'grant'
),

-- One row per finding and action: the grant that first made it possible.
uses as (
    select m.own_finding_id, m.event_time as granted_at, u.*
    from members as m
    inner join int_grant_uses as u
        on m.recipient_account_id = u.recipient_account_id
        and m.event_id = u.event_id
        and m.target_arn = u.target_arn
    qualify row_number() over (
        partition by m.own_finding_id, u.iam_action, u.session_id order by u.first_used_at, u.use_event_id, m.event_id
    ) = 1
),

names as (
    select distinct session_id, event_source, event_name, iam_action
    from int_author_actions
    where session_id in (select session_id from uses)
),

calls as (
    select event_date, recipient_account_id, event_id, event_time, session_id, event_source, event_name
    from stg_events
    where
        is_success and addendum is null
        -- Only files of the days on which these sessions did anything are read.
        and event_date in (
            select event_date from int_session_days
            where
                session_id in (select session_id from uses)
                and event_date between (select min(use_date) from uses) and (select max(use_date) + 1 from uses)
        )
        and (session_id in (select session_id from uses)) is true
),

sessions as (
    select session_id, own_principal_arn from int_author_sessions
),

found as (
    select
        u.own_finding_id, c.recipient_account_id as use_account_id, c.event_id as use_event_id,
        c.event_date as use_date, c.event_time as used_at, s.own_principal_arn as user_arn, u.iam_action,
        c.event_id = u.use_event_id as is_first, u.use_confidence, u.is_denied_first, u.denied_event_id,
        u.denied_account_id, u.denied_date
    from uses as u
    inner join names as n on u.session_id = n.session_id and u.iam_action = n.iam_action
    inner join calls as c
        on n.session_id = c.session_id
        and n.event_source = c.event_source
        and n.event_name = c.event_name
        and c.event_time > u.granted_at
        and c.event_time <= u.granted_at + to_days($lookback_days::integer)
    inner join sessions as s on c.session_id = s.session_id
    qualify row_number() over (
        partition by u.own_finding_id, c.recipient_account_id, c.event_id order by u.iam_action
    ) = 1
)

select
    own_finding_id,
    use_account_id,
    use_event_id,
    use_date,
    used_at,
    user_arn,
    iam_action,
    is_first,
    use_confidence,
    is_denied_first,
    denied_event_id,
    denied_account_id,
    denied_date
from found
qualify row_number() over (
    partition by own_finding_id order by is_first desc, used_at, use_event_id, use_account_id
) <= 100
