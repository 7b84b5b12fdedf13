-- model:   int_finding_steps
-- purpose: The steps of each finding's chain: from the root to the actor, the grants, to the target, the uses.
-- grain:   one row per (own_finding_id, edge, source, target, event_id)
-- order:   own_finding_id, stage, event_time, event_id, edge, source, target
-- inputs:  int_finding_members, fct_grants, int_grant_sessions, int_grant_uses, int_finding_uses,
--          int_author_sessions, fct_lineage, int_lineage_edges
-- stored:  full
-- columns: stage  1 on the way to the actor, 2 the grant, 3 on the way to the target's credentials, 4 use
--          edge  issued_key, shared_event, same_session, assumed_role_id, source_identity, pass_role, grant, use, temporal
--          source  ARN or access key id
--          target  ARN or access key id; of a use, the IAM action
--          confidence  of the step
--          event_account_id  account that recorded the event
-- source:  DETECTION design, "Lineage: who acted in truth"

with members as (
    select * from int_finding_members where member_kind = 'grant'
),

grants as (
    select recipient_account_id, event_id, event_time, event_date, target_arn, target_kind, actor_arn, session_id,
        root_session_id, root_baseline_arn, lineage_confidence
    from fct_grants
),

found as (
    select m.own_finding_id, g.*
    from members as m
    inner join grants as g
        on m.recipient_account_id = g.recipient_account_id
        and m.event_id = g.event_id
        and m.target_arn = g.target_arn
),

sessions as (
    select session_id, own_principal_arn, baseline_principal_arn, access_key_id, principal_kind
    from int_author_sessions
),

lineage as (
    select session_id, root_session_id, baseline_principal_arn, lineage_rank, confidence, path from fct_lineage
),

uses as (
    select f.own_finding_id, u.*
    from found as f
    inner join int_grant_uses as u
        on f.recipient_account_id = u.recipient_account_id
        and f.event_id = u.event_id
        and f.target_arn = u.target_arn
    qualify row_number() over (
        partition by f.own_finding_id, u.iam_action order by u.first_used_at, u.use_event_id
    ) = 1
),

-- At most five sessions of the target stand for all that the lineage came to hold, those that used it first.
taken as (
    select f.own_finding_id, h.session_id, f.root_session_id, f.root_baseline_arn
    from found as f
    inner join int_grant_sessions as h
        on f.recipient_account_id = h.recipient_account_id
        and f.event_id = h.event_id
        and f.target_arn = h.target_arn
    left join uses as u on f.own_finding_id = u.own_finding_id and h.session_id = u.session_id
    where h.relation in ('assumed', 'candidate') or u.session_id is not null
    group by f.own_finding_id, h.session_id, f.root_session_id, f.root_baseline_arn, h.first_event_time
    qualify row_number() over (
        partition by f.own_finding_id
        order by count(u.session_id) desc, h.first_event_time, h.session_id
    ) <= 5
),

ways as (
    select f.own_finding_id, 1 as stage, l.path
    from found as f
    inner join lineage as l on f.session_id = l.session_id and l.lineage_rank = 1
    union
    select t.own_finding_id, 3 as stage, l.path
    from taken as t
    inner join lineage as l
        on t.session_id = l.session_id
        and (t.root_session_id = l.root_session_id or t.root_baseline_arn = l.baseline_principal_arn)
    qualify row_number() over (
        partition by t.own_finding_id, t.session_id order by l.confidence desc, l.root_session_id
    ) = 1
),

hops as (
    select
        own_finding_id, min(stage) as stage, from_session_id, to_session_id
    from (
        select
            own_finding_id, stage,
            unnest(path[:-2]) as from_session_id,
            unnest(path[2:]) as to_session_id
        from ways
        where len(path) > 1
    )
    group by own_finding_id, from_session_id, to_session_id
),

walked as (
    select
        h.own_finding_id, h.stage, e.edge,
        case
            when e.edge = 'same_session' then coalesce(a.access_key_id, a.own_principal_arn)
            else a.own_principal_arn
        end as source,
        case
            when e.edge in ('issued_key', 'same_session') then coalesce(b.access_key_id, b.own_principal_arn)
            when e.edge = 'pass_role' then b.baseline_principal_arn
            else b.own_principal_arn
        end as target,
        e.confidence, e.event_recipient_account_id as event_account_id, e.event_id, e.event_time, e.event_date
    from hops as h
    inner join int_lineage_edges as e
        on h.from_session_id = e.from_session_id and h.to_session_id = e.to_session_id
    inner join sessions as a on h.from_session_id = a.session_id
    inner join sessions as b on h.to_session_id = b.session_id
),

granted as (
    select
        own_finding_id, 2 as stage, 'grant' as edge, actor_arn as source, target_arn as target,
        1.0::double as confidence, recipient_account_id as event_account_id, event_id, event_time, event_date
    from found
    where target_arn <> ''
),

used as (
    select
        own_finding_id, 4 as stage, 'use' as edge, user_arn as source, iam_action as target,
        use_confidence as confidence, use_account_id as event_account_id, use_event_id as event_id,
        used_at as event_time, use_date as event_date
    from int_finding_uses
),

steps as (
    select * from walked
    union all
    select * from granted
    union all
    select * from used
)

select
    own_finding_id,
    stage,
    edge,
    coalesce(source, '') as source,
    coalesce(target, '') as target,
    confidence,
    event_account_id,
    event_id,
    event_time,
    event_date
from steps
qualify row_number() over (
    partition by own_finding_id, edge, coalesce(source, ''), coalesce(target, ''), event_id
    order by stage, confidence desc, event_account_id
) = 1
