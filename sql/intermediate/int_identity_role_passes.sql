-- model:   int_identity_role_passes
-- purpose: Successful calls that hand a role to compute, and deletions of roles, which end what was handed.
-- grain:   one row per (event_date, recipient_account_id, event_id)
-- order:   event_date, event_time, recipient_account_id, event_id
-- inputs:  int_identity_events
-- stored:  by event_date
-- columns: from_session_id  session that called
--          is_deletion      the call deletes the role
--          role_name        last part of the role's ARN, or the name as given, lower case
-- source:  IAM user guide, "Granting a user permissions to pass a role to an AWS service"
with
events as (select * from int_identity_events)
select
    event_date, event_time, recipient_account_id, event_id, event_source, event_name, session_id as from_session_id,
    passed_role_arn, compute_resource,
    event_source = 'iam.amazonaws.com' and event_name = 'DeleteRole' as is_deletion,
    lower(split_part(
        case when event_name = 'DeleteRole' then target_role_name else passed_role_arn end, '/', -1
    )) as role_name,
    archive_uri, archive_version, record_index
from events
where
    is_success
    and (
        passed_role_arn is not null
        or (event_source = 'iam.amazonaws.com' and event_name = 'DeleteRole' and target_role_name is not null)
    )
