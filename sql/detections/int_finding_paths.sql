-- model:   int_finding_paths
-- purpose: The escalation paths that a finding's calls walk, the longest of those that contain each other.
-- grain:   one row per (own_finding_id, path_id)
-- order:   own_finding_id, path_id
-- inputs:  int_findings, int_finding_members, int_grant_deltas, int_identity_role_passes, int_author_sessions,
--          seed_escalation_paths
-- params:  $lookback_days
-- stored:  full
-- columns: path_events  the path's calls, as far as a management trail shows them, sorted
-- source:  pathfinding.cloud; sql/seeds/escalation_paths.csv

with findings as (
    select * from int_findings where rule in (1, 2, 3)
),

grants as (
    select m.own_finding_id, g.event_name, g.event_time, g.target_key, g.root_session_id, g.recipient_account_id
    from int_finding_members as m
    inner join int_grant_deltas as g
        on m.recipient_account_id = g.recipient_account_id
        and m.event_id = g.event_id
        and m.target_arn = g.target_arn
    where m.member_kind = 'grant'
),

passes as (
    select p.recipient_account_id, p.event_name, p.event_time, p.role_name, s.root_session_id
    from int_identity_role_passes as p
    inner join int_author_sessions as s on p.from_session_id = s.session_id
    where not p.is_deletion
),

walked as (
    select own_finding_id, event_name from grants
    union
    select g.own_finding_id, p.event_name
    from grants as g
    inner join passes as p
        on g.root_session_id = p.root_session_id
        and g.target_key = concat(p.recipient_account_id, '|role|', p.role_name)
        and p.event_time between g.event_time and g.event_time + to_days($lookback_days::integer)
    union
    select g.own_finding_id, 'CreateAccessKey' as event_name
    from grants as g
    inner join int_grant_deltas as k
        on g.target_key = k.target_key
        and g.root_session_id = k.root_session_id
        and k.event_name = 'CreateAccessKey'
        and k.is_credential
    union
    select own_finding_id, 'AssumeRole' as event_name from findings where list_contains(benefits, 'assumed')
    union
    select own_finding_id, 'ConsoleLogin' as event_name from findings where list_contains(benefits, 'credential')
),

calls as (
    select own_finding_id, list(distinct event_name) as event_names from walked group by own_finding_id
),

paths as (
    select
        path_id, scope,
        -- Invoking a function is a data event, which trails seldom record.
        list_sort(list_filter(string_split(events, ';'), lambda word: word <> 'Invoke')) as path_events
    from seed_escalation_paths
),

matches as (
    select f.own_finding_id, p.path_id, p.path_events
    from findings as f
    inner join calls as c on f.own_finding_id = c.own_finding_id
    inner join paths as p on list_has_all(c.event_names, p.path_events)
    -- A path that works on the own principal is walked only there.
    where p.scope <> 'self' or list_has_any(f.benefits, ['own', 'held'])
)

select
    m.own_finding_id,
    m.path_id,
    m.path_events
from matches as m
where not exists (
    select 1
    from matches as longer
    where
        longer.own_finding_id = m.own_finding_id
        and len(longer.path_events) > len(m.path_events)
        and list_has_all(longer.path_events, m.path_events)
)
