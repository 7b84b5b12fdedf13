-- model:   fct_lineage
-- purpose: Who is behind each session: every possible root, the path from it, and how sure that is.
-- grain:   one row per (session_id, root_session_id)
-- order:   event_date, session_id, lineage_rank
-- inputs:  int_sessions, int_lineage_edges
-- params:  $max_hops
-- stored:  full
-- columns: event_date               date of the session's first event
--          principal_arn            the session's own principal, as its records name it
--          root_session_id          first session of the chain; the session itself where nothing leads to it
--          root_principal_arn       principal of that session: person, key, workload
--          root_principal_identity  AIDA..., AROA... of it where seen
--          root_principal_kind      root, user, role, service, federated, person, account, unknown
--          root_account_id          its account
--          baseline_principal_arn   the root principal, a role's without its session name
--          lineage_rank             1 for the likeliest root
--          root_count               possible roots
--          hop_count                steps from the root
--          confidence               product of the steps' confidences
--          path                     sessions from the root to this one
--          edges                    kinds of the steps, in the same order
--          edge_event_ids           events that prove them
--          has_temporal_edge        a step rests on name and address alone: never enough to confirm anything
--          is_cut                   the walk ended at the depth cap or at a circle, not at a beginning
-- source:  DETECTION.md, "Lineage"
with recursive
sessions as (select * from int_sessions),
-- At most four likeliest parents are followed per session: a flood of candidates must not multiply paths.
followed as (
    select *
    from int_lineage_edges
    qualify row_number() over (
        partition by to_session_id order by confidence desc, event_time desc, from_session_id
    ) <= 4
),
parents as (
    select
        to_session_id,
        list(from_session_id order by from_session_id) as parent_ids,
        bool_and(is_shared_blame) as is_shared_blame
    from followed
    group by to_session_id
),
-- Paths grow from each session back to its beginnings; a path never visits a session twice.
walks as (
    select
        session_id,
        session_id as node_id,
        [session_id] as path,
        []::varchar[] as edges,
        []::varchar[] as edge_event_ids,
        0 as hop_count,
        1.0::double as confidence
    from sessions
    union all
    select
        walks.session_id,
        followed.from_session_id,
        list_prepend(followed.from_session_id, walks.path),
        list_prepend(followed.edge, walks.edges),
        list_prepend(followed.event_id, walks.edge_event_ids),
        walks.hop_count + 1,
        round(walks.confidence * followed.confidence, 6)
    from walks
    inner join followed on walks.node_id = followed.to_session_id
    where
        walks.hop_count < $max_hops
        and walks.confidence >= 0.05
        and not list_contains(walks.path, followed.from_session_id)
),
ends as (
    select
        walks.*,
        coalesce(parents.is_shared_blame, false) as is_shared_blame,
        parents.to_session_id is not null as has_parents,
        parents.to_session_id is null
        or walks.hop_count >= $max_hops
        or walks.confidence < 0.05
        or len(list_filter(parents.parent_ids, lambda parent: not list_contains(walks.path, parent))) = 0
            as is_end
    from walks
    left join parents on walks.node_id = parents.to_session_id
),
roots as (
    select
        session_id, node_id as root_session_id, path, edges, edge_event_ids, hop_count, has_parents and is_end as is_cut,
        case when is_end then confidence else round(confidence * 0.5, 6) end as confidence
    from ends
    where is_end or is_shared_blame
),
best as (
    select unnest(arg_min(roots, struct_pack(doubt := -confidence, hop_count, path)))
    from roots
    group by session_id, root_session_id
),
known as (select best.* from best semi join sessions as root on best.root_session_id = root.session_id),
counted as (select session_id, count(*)::integer as root_count from known group by session_id),
-- Nearly every session has one root; they are ranked where it has several.
ranked as (
    select
        known.session_id, known.root_session_id,
        row_number() over (
            partition by known.session_id
            order by known.confidence desc, known.hop_count, root.first_event_time, known.root_session_id
        )::integer as lineage_rank
    from known
    inner join sessions as root on known.root_session_id = root.session_id
    inner join counted on known.session_id = counted.session_id
    where counted.root_count > 1
)
select
    session.event_date,
    best.session_id,
    session.account_id,
    session.own_principal_arn as principal_arn,
    best.root_session_id,
    root.own_principal_arn as root_principal_arn,
    root.principal_identity as root_principal_identity,
    root.principal_kind as root_principal_kind,
    root.account_id as root_account_id,
    root.baseline_principal_arn,
    coalesce(ranked.lineage_rank, 1) as lineage_rank,
    counted.root_count,
    best.hop_count,
    best.confidence,
    best.path,
    best.edges,
    best.edge_event_ids,
    list_contains(best.edges, 'temporal') as has_temporal_edge,
    best.is_cut
from best
inner join sessions as session on best.session_id = session.session_id
inner join sessions as root on best.root_session_id = root.session_id
inner join counted on best.session_id = counted.session_id
left join ranked on best.session_id = ranked.session_id and best.root_session_id = ranked.root_session_id
