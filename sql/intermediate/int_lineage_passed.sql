-- model:   int_lineage_passed
-- purpose: Edges from whoever handed a role to compute to the sessions that this compute then has.
-- grain:   one row per (from_session_id, to_session_id)
-- order:   to_session_id, from_session_id
-- inputs:  int_identity_role_passes, int_sessions, int_lineage_issued, int_lineage_assumed
-- stored:  full
-- columns: from_session_id  the session that came first
--          to_session_id    the session that follows from it
--          edge        pass_role
--          confidence  0.9 where the session's name is the compute's; 0.5 where only the service fits, within a day
--          event_recipient_account_id  account of the event that proves the edge
-- source:  DETECTION.md, "Lineage", 6; session names: EC2 user guide (instance id), Lambda developer guide (function's
--          name), CodeBuild (AWSCodeBuild-...), Glue (GlueJobRunnerSession), SageMaker, CloudFormation, ECS (task id)
with
passes as (select * from int_identity_role_passes where not is_deletion),
deletions as (select recipient_account_id, role_name, event_time from int_identity_role_passes where is_deletion),
called as (
    -- A person or key asked for the session itself: it is no compute's.
    select to_session_id from int_lineage_issued where not is_by_service
    union
    select to_session_id from int_lineage_assumed where not is_by_service
),
workloads as (
    select
        session_id, account_id, created_at, lower(session_name) as session_name,
        lower(coalesce(issuer_user_name, split_part(split_part(principal_arn, 'assumed-role/', 2), '/', 1)))
            as role_name,
        case
            when regexp_matches(session_name, '^i-[0-9a-f]{8,17}$') then 'ec2'
            when session_name like 'AWSCodeBuild%' then 'codebuild'
            when session_name = 'GlueJobRunnerSession' or session_name like 'GlueDev%' then 'glue'
            when session_name = 'SageMaker' then 'sagemaker'
            when session_name = 'AWSCloudFormation' then 'cloudformation'
            when regexp_matches(session_name, '^[0-9a-f]{32}$') then 'ecs'
        end as service
    from int_sessions
    where
        principal_kind = 'role' and created_at is not null and not is_service_linked
        and session_id not in (select to_session_id from called)
),
matches as (
    select
        passes.from_session_id, workloads.session_id as to_session_id,
        passes.event_date, passes.event_time, passes.event_id,
        passes.recipient_account_id as event_recipient_account_id,
        coalesce(
            workloads.session_name = lower(passes.compute_resource)
            or workloads.session_name = lower(regexp_extract(passes.compute_resource, '[^:/]+$')),
            false
        ) as is_named,
        workloads.service = split_part(passes.event_source, '.', 1) as is_service_match,
        workloads.created_at,
        workloads.account_id, workloads.role_name
    from passes
    inner join workloads
        on passes.recipient_account_id = workloads.account_id
        and passes.role_name = workloads.role_name
    where workloads.created_at >= passes.event_time - interval '2 seconds'
),
possible as (
    select *
    from matches
    where
        is_named
        or (coalesce(is_service_match, false) and created_at <= event_time + interval '24 hours')
),
-- A role deleted in between is another role, whatever its name.
alive as (
    select possible.*
    from possible
    where not exists (
        select 1
        from deletions
        where
            deletions.recipient_account_id = possible.account_id
            and deletions.role_name = possible.role_name
            and deletions.event_time > possible.event_time
            and deletions.event_time < possible.created_at
    )
),
-- The latest hand-over counts: a deployment replaces what the one before it set up.
latest as (
    select *
    from alive
    qualify row_number() over (
        partition by to_session_id
        order by is_named desc, event_time desc, event_recipient_account_id, event_id
    ) = 1
)
select
    from_session_id, to_session_id, 'pass_role' as edge,
    case when is_named then 0.9 else 0.5 end::double as confidence,
    event_date, event_time, event_id, event_recipient_account_id
from latest
where from_session_id <> to_session_id
