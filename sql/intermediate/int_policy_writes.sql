-- model:   int_policy_writes
-- purpose: Every attempt to change what a principal may do, denied and failed ones included, in order per account.
-- grain:   one row per (recipient_account_id, event_id)
-- order:   recipient_account_id, event_time, call_rank, event_id
-- inputs:  int_identity_events, seed_policy_write_calls
-- stored:  full
-- columns: principal_arn  whom the record names: ARN, else the service or the principal's id
--          actor_key  caller as 'account|kind|name', lower case: how it is matched with a target ('' if unknown)
--          actor_issuer_arn  role or user behind the caller's session, else the caller
--          write_kind  inline, managed, trust, boundary, version, membership, lifecycle, credential, permission_set
--          write_verb  put, delete, attach, detach, create, set_default, add, remove, update
--          target_kind  role, user, group, policy, permission_set: what the call names
--          target_name  as written; from the error message on a denial; null where the record hides it
--          target_key  target as 'account|kind|name', lower case; '' where unknown
--          target_arn  as the record states it, else made from account and name without a path; '' where unknown
--          policy_arn  managed policy that is attached, created, or whose version changes
--          call_rank  order within one second, which is all that CloudTrail tells: what makes a principal comes first
--          group_name  group of a membership or group policy
--          issued_access_key_id  CreateAccessKey: the key that the answer hands out
--          is_request_omitted  request parameters exceeded 100 KB and are not in the record
-- source:  IAM and IAM Identity Center API References; CloudTrail user guide, "CloudTrail record contents"

with events as (
    select *
    from int_identity_events
    where event_source in ('iam.amazonaws.com', 'sso.amazonaws.com')
    -- An event id stands for one event; a forged second copy on another date must not displace the first.
    qualify row_number() over (
        partition by recipient_account_id, event_id order by event_time, archive_uri, archive_version, record_index
    ) = 1
),

calls as (
    select event_source, event_name, write_kind, write_verb, target_kind
    from seed_policy_write_calls
),

attempts as (
    select
        e.*, c.write_kind, c.write_verb, c.target_kind,
        coalesce(
            nullif(split_part(e.user_identity_arn, ':', 2), ''),
            case
                when e.aws_region like 'cn-%' then 'aws-cn'
                when e.aws_region like 'us-gov-%' then 'aws-us-gov'
                else 'aws'
            end
        ) as arn_partition,
        -- A denial has no parameters; its message ends "on resource: policy arn:...:policy/name because ...".
        nullif(
            regexp_extract(e.error_message, 'on resource: (?:policy )?(arn:[a-z-]+:iam::[0-9]{12}:policy/[^ ]+)', 1), ''
        ) as message_policy_arn,
        try(json_extract_string(e.request_parameters, '$.permissionSetArn')) as permission_set_arn,
        try(json_extract_string(e.request_parameters, '$.inlinePolicy')) as permission_set_document,
        try(json_extract_string(e.request_parameters, '$.managedPolicyArn')) as permission_set_policy_arn,
        try(json_extract_string(e.request_parameters, '$.customerManagedPolicyReference.name')) as permission_set_policy_name
    from events as e
    inner join calls as c on e.event_source = c.event_source and e.event_name = c.event_name
),

named as (
    select
        *,
        case target_kind
            when 'role' then target_role_name
            -- CreateAccessKey, DeleteAccessKey and the like without a userName act on the caller.
            when 'user' then coalesce(
                target_user_name,
                issued_to_user_name,
                case when write_kind = 'credential' and is_success and not coalesce(is_request_omitted, false)
                    then user_identity_user_name end
            )
            when 'group' then target_group_name
            when 'policy' then coalesce(
                nullif(split_part(coalesce(policy_arn, message_policy_arn), '/', -1), ''), policy_name
            )
            else permission_set_arn
        end as target_name
    from attempts
),

located as (
    select
        *,
        case
            when target_kind = 'role' and target_role_arn is not null then target_role_arn
            when target_kind = 'permission_set' then coalesce(permission_set_arn, '')
            when target_kind = 'policy' and coalesce(policy_arn, message_policy_arn) is not null
                then coalesce(policy_arn, message_policy_arn)
            when target_name is null or recipient_account_id = '' then ''
            else concat('arn:', arn_partition, ':iam::', recipient_account_id, ':', target_kind, '/', target_name)
        end as target_arn
    from named
)

select
    l.recipient_account_id,
    l.event_id,
    l.event_time,
    l.event_date,
    l.event_source,
    l.event_name,
    l.is_success,
    l.is_denied,
    l.error_code,
    l.error_message,
    l.user_identity_type,
    coalesce(l.user_identity_arn, l.user_identity_invoked_by, l.user_identity_principal_id, '') as principal_arn,
    l.user_identity_invoked_by,
    l.user_identity_access_key_id,
    l.session_issuer_user_name,
    l.session_creation_at,
    l.session_id,
    -- Names compare without case, and without a path: PutRolePolicy gives none.
    lower(case
        when l.session_issuer_type = 'Role'
            then concat(l.session_issuer_account_id, '|role|', l.session_issuer_user_name)
        when l.session_issuer_type = 'IAMUser'
            then concat(l.session_issuer_account_id, '|user|', l.session_issuer_user_name)
        when l.user_identity_type = 'IAMUser'
            then concat(l.user_identity_account_id, '|user|', l.user_identity_user_name)
        when l.user_identity_type = 'Root' then concat(l.user_identity_account_id, '|root|')
        else ''
    end) as actor_key,
    coalesce(l.session_issuer_arn, l.user_identity_arn, l.user_identity_invoked_by, '') as actor_issuer_arn,
    l.write_kind,
    l.write_verb,
    l.target_kind,
    l.target_name,
    case
        when l.target_name is null then ''
        else lower(concat(l.recipient_account_id, '|', l.target_kind, '|', l.target_name))
    end as target_key,
    l.target_arn,
    coalesce(l.policy_name, l.permission_set_policy_name) as policy_name,
    coalesce(l.policy_arn, l.message_policy_arn, l.permission_set_policy_arn) as policy_arn,
    l.policy_version_id,
    l.is_set_as_default,
    coalesce(l.policy_document, l.permission_set_document) as policy_document,
    l.permissions_boundary_arn,
    coalesce(l.is_request_omitted, false) as is_request_omitted,
    l.target_group_name as group_name,
    case when l.write_kind = 'lifecycle' and l.write_verb = 'create' then 0 else 1 end as call_rank,
    l.issued_access_key_id,
    l.source_ip_address,
    l.user_agent,
    l.archive_uri,
    l.archive_version,
    l.record_index
from located as l
