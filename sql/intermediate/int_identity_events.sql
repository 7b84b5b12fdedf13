-- model:   int_identity_events
-- purpose: Events that say who holds which identity or tries what they may not: IAM, STS, sign-in, Identity Center,
--          CloudTrail and Organizations calls that change something or assume a role, calls that pass a role, calls
--          that hand out a key, and denied calls.
-- grain:   one row per (event_date, recipient_account_id, event_id)
-- order:   event_date, event_time, recipient_account_id, event_id
-- inputs:  stg_events
-- stored:  by event_date
-- columns: request_parameters  lossless JSON text, only of calls that are not known to be read-only
--          response_elements   likewise
-- source:  AWS Service Authorization Reference; AWS CloudTrail user guide
with
events as (select * from stg_events)
select
    event_date, event_time, event_id, recipient_account_id, event_source, event_name, aws_region,
    source_ip_address, user_agent, error_code, error_message, event_type, is_read_only, shared_event_id,
    is_session_credential_from_console, user_identity_type, user_identity_principal_id, user_identity_arn,
    user_identity_account_id, user_identity_access_key_id, user_identity_user_name, user_identity_invoked_by,
    user_identity_identity_provider, on_behalf_of_user_id, on_behalf_of_identity_store_arn, session_issuer_type,
    session_issuer_arn, session_issuer_principal_id, session_issuer_account_id, session_issuer_user_name,
    session_creation_at, is_session_mfa_authenticated, session_source_identity, session_ec2_role_delivery,
    is_session_assumed_root, web_id_federated_provider, web_id_attributes, target_role_name, target_role_arn,
    target_user_name, target_group_name, policy_name, policy_arn, policy_document, policy_version_id,
    is_set_as_default, permissions_boundary_arn, issued_access_key_id, issued_expiration_at,
    issued_to_user_name, assumed_role_arn, assumed_role_session_arn, assumed_role_id, role_session_name,
    requested_source_identity, session_policy, federated_subject, passed_role_arn, compute_resource,
    created_principal_id, console_login_result, is_mfa_used_at_login, is_request_omitted, is_denied,
    parse_flags, archive_uri, archive_version, record_index,
    is_success, session_id,
    case when is_read_only is distinct from true then request_parameters end as request_parameters,
    case when is_read_only is distinct from true then response_elements end as response_elements,
    additional_event_data, addendum
from events
where
    (
        event_source in (
            'iam.amazonaws.com', 'sts.amazonaws.com', 'signin.amazonaws.com', 'sso.amazonaws.com',
            'sso-directory.amazonaws.com', 'identitystore.amazonaws.com', 'cloudtrail.amazonaws.com',
            'organizations.amazonaws.com', 'rolesanywhere.amazonaws.com'
        )
        -- Looking is no identity event. An AssumeRole calls itself read-only; GetCallerIdentity alone can be half of all.
        and (is_read_only is distinct from true or event_name like 'Assume%')
    )
    or is_denied
    or passed_role_arn is not null
    or issued_access_key_id is not null
    or addendum is not null
