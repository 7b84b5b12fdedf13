-- model:   int_identity_issuances
-- purpose: Every successful call that hands out credentials or a role session: who asked, and what was answered.
-- grain:   one row per (event_date, recipient_account_id, event_id)
-- order:   event_date, event_time, recipient_account_id, event_id
-- inputs:  int_identity_events
-- stored:  by event_date
-- columns: from_session_id  session that asked
--          is_by_service    a service asked for itself: the session it gets is a workload, with nobody behind it
--          is_other_copy    the copy of a cross-account call in the account that was asked
--          network          /24 of the IPv4 address, /64 of the IPv6 address
--          client_kind      first word of the user agent, lower case
-- source:  AWS STS and IAM API References: AssumeRole*, GetSessionToken, GetFederationToken, CreateAccessKey
with
events as (select * from int_identity_events)
select
    event_date, event_time, recipient_account_id, event_id, event_source, event_name, session_id as from_session_id,
    user_identity_type, user_identity_user_name, user_identity_account_id, shared_event_id, issued_access_key_id,
    issued_expiration_at, issued_to_user_name, assumed_role_arn, assumed_role_session_arn, assumed_role_id,
    role_session_name, requested_source_identity, federated_subject,
    coalesce(user_identity_type = 'AWSService', user_identity_invoked_by is not null) as is_by_service,
    coalesce(user_identity_type = 'AWSAccount', false) as is_other_copy,
    coalesce(
        nullif(regexp_extract(source_ip_address, '^(\d+\.\d+\.\d+)\.\d+$', 1), ''),
        nullif(regexp_extract(source_ip_address, '^((?:[0-9a-fA-F]{1,4}:){4})', 1), '')
    ) as network,
    nullif(lower(regexp_extract(user_agent, '^\[?([A-Za-z][A-Za-z0-9._-]*)', 1)), '') as client_kind,
    archive_uri, archive_version, record_index
from events
where is_success and (issued_access_key_id is not null or assumed_role_id is not null)
