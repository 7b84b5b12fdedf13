-- model:   int_author_sessions
-- purpose: Every session with who is behind it: the root of its lineage, and whose past it is judged by.
-- grain:   one row per session_id
-- order:   session_id
-- inputs:  int_sessions, fct_lineage
-- stored:  full
-- columns: principal_key  the session's own principal as 'account|kind|name', lower case; '' if it has no such name
--          root_baseline_arn  the root principal without its session name: CI and SSO names change every run
--          root_account_id  account of the root principal
--          lineage_confidence  of the whole path from the likeliest root to the session; 1 for a root
--          is_service_actor  a service that acts by itself: AWSService, or a service-linked role
-- source:  DETECTION design, "Lineage: who acted in truth" (baseline principal)

with sessions as (
    select * from int_sessions
),

lineage as (
    select
        session_id, root_session_id, root_principal_arn, root_principal_kind, root_account_id, baseline_principal_arn,
        root_count, hop_count, confidence, path, has_temporal_edge
    from fct_lineage
    where lineage_rank = 1
)

select
    s.session_id,
    s.principal_arn,
    lower(case
        when s.principal_kind = 'role'
            then concat(
                coalesce(s.issuer_account_id, s.account_id), '|role|',
                coalesce(s.issuer_user_name, split_part(s.baseline_principal_arn, '/', -1))
            )
        when s.identity_type = 'IAMUser' then concat(s.account_id, '|user|', s.user_name)
        when s.issuer_type = 'IAMUser' then concat(s.account_id, '|user|', s.issuer_user_name)
        when s.principal_kind = 'root' then concat(s.account_id, '|root|')
        else ''
    end) as principal_key,
    s.principal_kind,
    s.own_principal_arn,
    s.baseline_principal_arn,
    s.access_key_id,
    s.created_at,
    s.is_mfa,
    s.is_from_console,
    s.network,
    s.identity_type,
    s.first_event_time,
    s.first_event_id,
    s.last_event_time,
    s.event_count,
    l.root_session_id,
    l.root_principal_arn,
    l.root_principal_kind,
    coalesce(l.baseline_principal_arn, l.root_principal_arn) as root_baseline_arn,
    coalesce(l.root_account_id, '') as root_account_id,
    l.root_count,
    l.hop_count,
    l.confidence as lineage_confidence,
    l.path,
    l.has_temporal_edge,
    s.principal_kind = 'service' or s.is_service_linked as is_service_actor
from sessions as s
inner join lineage as l on s.session_id = l.session_id
