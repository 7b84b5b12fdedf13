-- model:   int_grant_sessions
-- purpose: For each grant worth following, the sessions of its target that the same lineage holds.
-- grain:   one row per (recipient_account_id, event_id, target_arn, session_id)
-- order:   recipient_account_id, event_id, target_arn, first_event_time, session_id
-- inputs:  int_grant_deltas, int_author_sessions, int_author_actions, fct_lineage
-- params:  $lookback_days
-- stored:  full
-- columns: relation  own: the actor is the target, or came through it; held: a session begun before the grant;
--                    assumed: one begun after it; candidate: the record hides the target, and the lineage then
--                    assumed this role
--          confidence  that the session belongs to the grant's lineage
--          is_compute  the session runs on compute that the role was passed to
--          is_compute_abroad  that compute's credentials wrote to IAM or STS, or were used from several networks
--          has_temporal_edge  the link rests on a session name and an address alone
-- source:  DETECTION design, "Evidence per grant, and the class": B beneficiary

with grants as (
    select
        recipient_account_id, event_id, target_arn, target_key, event_time, event_date, session_id, actor_key,
        root_session_id, root_baseline_arn, path, source_ip_address
    from int_grant_deltas
    where is_effective and tier_rank >= 2 and not is_service_actor
),

sessions as (
    select
        session_id, principal_key, principal_kind, first_event_time, last_event_time, created_at, hop_count, network
    from int_author_sessions
    where principal_kind in ('role', 'user', 'root', 'federated')
),

roots as (
    select session_id, root_session_id, baseline_principal_arn, confidence, edges, has_temporal_edge
    from fct_lineage
    -- A key that was probably handed over to its owner makes nobody of its maker.
    where lineage_rank = 1 or confidence > 0.5 or not list_contains(edges, 'issued_key')
),

named as (
    select
        g.recipient_account_id, g.event_id, g.target_arn, g.event_time, g.root_session_id, g.root_baseline_arn,
        s.session_id, s.first_event_time, s.last_event_time,
        case
            when s.principal_key = g.actor_key or list_contains(g.path, s.session_id) then 'own'
            when coalesce(s.created_at, s.first_event_time) < g.event_time then 'held'
            else 'assumed'
        end as relation,
        1.0 as ceiling
    from grants as g
    inner join sessions as s on g.target_key = s.principal_key
    where
        g.target_key <> ''
        -- Another user's key counts as the actor's only from where the grant was made: a client of the same kind is
        -- what most new colleagues have.
        and (
            s.principal_kind <> 'user' or s.principal_key = g.actor_key or list_contains(g.path, s.session_id)
            or starts_with(
                g.source_ip_address, case when contains(s.network, ':') then s.network else concat(s.network, '.') end
            )
        )
        and s.last_event_time >= g.event_time - to_days($lookback_days::integer)
        and s.first_event_time <= g.event_time + to_days($lookback_days::integer)
),

-- Omitted parameters hide the role's name: whatever role the lineage takes up next may be it.
hidden as (
    select
        g.recipient_account_id, g.event_id, g.target_arn, g.event_time, g.root_session_id, g.root_baseline_arn,
        s.session_id, s.first_event_time, s.last_event_time, 'candidate' as relation, 0.5 as ceiling
    from grants as g
    inner join sessions as s
        on s.created_at between g.event_time and g.event_time + interval '6 hours'
    where g.target_key = '' and s.principal_kind = 'role' and s.hop_count > 0 and s.principal_key <> g.actor_key
),

possible as (
    select * from named
    union all
    select * from hidden
),

held as (
    select
        p.recipient_account_id, p.event_id, p.target_arn, p.session_id, p.event_time, p.root_baseline_arn, p.relation,
        max(least(r.confidence, p.ceiling))::double as confidence,
        bool_or(list_contains(r.edges, 'pass_role')) as is_compute,
        bool_and(r.has_temporal_edge) as has_temporal_edge,
        p.first_event_time, p.last_event_time
    from possible as p
    inner join roots as r
        on p.session_id = r.session_id
        and (p.root_session_id = r.root_session_id or p.root_baseline_arn = r.baseline_principal_arn)
    group by all
),

abroad as (
    select session_id
    from int_author_actions
    where session_id in (select session_id from held where is_compute)
    group by session_id
    having
        count(*) filter (
            where first_success_at is not null
            and event_source in ('iam.amazonaws.com', 'sts.amazonaws.com')
            and iam_action <> ''
            and not regexp_matches(event_name, '^(Get|List|Simulate)')
        ) > 0
        or count(distinct network) filter (where network <> '') > 1
)

select
    h.recipient_account_id,
    h.event_id,
    h.target_arn,
    h.session_id,
    h.event_time,
    h.root_baseline_arn,
    h.relation,
    h.confidence,
    h.is_compute,
    h.is_compute and a.session_id is not null as is_compute_abroad,
    h.has_temporal_edge,
    h.first_event_time,
    h.last_event_time
from held as h
left join abroad as a on h.session_id = a.session_id
