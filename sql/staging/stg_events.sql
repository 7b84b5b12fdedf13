-- model:   stg_events
-- purpose: Every event once: deliveries without the copies that stg_duplicate_deliveries lists.
-- grain:   one row per (event_date, recipient_account_id, event_id)
-- order:   event_date, event_time, recipient_account_id, event_id
-- inputs:  lake_events, stg_duplicate_deliveries
-- columns: is_success  no error code, or AWS's odd '200'
with
deliveries as (select * from lake_events),
duplicates as (select archive_uri, archive_version, record_index from stg_duplicate_deliveries),
kept as (
    select *
    from deliveries
    -- Asked as a question, not as a join: the copies are few and the events many, whatever DuckDB thinks of a lake.
    where ((archive_uri, archive_version, record_index) in (
        select archive_uri, archive_version, record_index from duplicates
    )) is not true
)
select
    event_date, event_time, event_id, recipient_account_id, event_version, event_source, event_name, aws_region,
    source_ip_address, user_agent, error_code, error_message, request_id, event_type, api_version,
    event_category, is_management_event, is_read_only, shared_event_id, vpc_endpoint_id,
    vpc_endpoint_account_id, is_session_credential_from_console, user_identity_type, user_identity_principal_id,
    user_identity_arn, user_identity_account_id, user_identity_access_key_id, user_identity_user_name,
    user_identity_invoked_by, user_identity_invoked_by_delegate, user_identity_identity_provider,
    user_identity_credential_id, user_identity_in_scope_of, on_behalf_of_user_id,
    on_behalf_of_identity_store_arn, session_issuer_type, session_issuer_arn, session_issuer_principal_id,
    session_issuer_account_id, session_issuer_user_name, session_creation_at, is_session_mfa_authenticated,
    session_source_identity, session_ec2_role_delivery, is_session_assumed_root, web_id_federated_provider,
    web_id_attributes, user_identity, request_parameters, response_elements, additional_event_data,
    service_event_details, resources, addendum, tls_details, edge_device_details, insight_details,
    event_context, unknown_members, target_role_name, target_role_arn, target_user_name, target_group_name,
    policy_name, policy_arn, policy_document, policy_version_id, is_set_as_default, permissions_boundary_arn,
    issued_access_key_id, issued_expiration_at, issued_to_user_name, assumed_role_arn, assumed_role_session_arn,
    assumed_role_id, role_session_name, requested_source_identity, session_policy, federated_subject,
    passed_role_arn, compute_resource, created_principal_id, console_login_result, is_mfa_used_at_login,
    is_request_omitted, is_denied, session_id, parse_flags, raw_record, archive_uri, archive_version, archive_sha256,
    record_index, record_sha256,
    error_code is null or error_code = '200' as is_success
from kept
