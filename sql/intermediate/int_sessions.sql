-- model:   int_sessions
-- purpose: Every session: one key of one principal from one start, whoever is behind it.
-- grain:   one row per (session_id)
-- order:   event_date, session_id
-- inputs:  int_session_days
-- stored:  full
-- columns: event_date              date of the session's first event
--          session_name            part of the principal id after the colon; of a user, the user's name
--          principal_kind          root, user, role, service, federated, person (Identity Center), account, unknown
--          is_service_linked       the role belongs to a service: nobody assumes it but that service
--          own_principal_arn       how the session's own principal is named: its ARN, else subject, service or account
--          baseline_principal_arn  the same without the session name, which CI and SSO change every run
--          principal_identity      AROA..., AIDA... where seen, so that a recreated role is another principal
--          active_day_count        days with events
--          network                 /24 of the first event's IPv4 address, /64 of its IPv6 address
--          client_kind             first word of the first event's user agent, lower case
--          first_event_time        of the session
--          first_event_id          of the session
--          first_recipient_account_id  of the session
--          first_source_ip_address     of the session
--          first_user_agent            of the session
--          last_event_time         of the session
-- source:  AWS CloudTrail user guide, "CloudTrail userIdentity element"; IAM user guide, "Service-linked roles"
with
days as (select * from int_session_days),
totals as (
    select
        session_id,
        min(event_date) as first_date,
        max(source_identity) as source_identity,
        max(federated_provider) as federated_provider,
        max(federated_attributes) as federated_attributes,
        max(federated_subject) as federated_subject,
        max(on_behalf_of_user_id) as on_behalf_of_user_id,
        bool_or(is_mfa) as is_mfa,
        bool_or(is_from_console) as is_from_console,
        max(last_event_time) as last_event_time,
        count(*) as active_day_count,
        sum(event_count)::bigint as event_count,
        sum(denied_count)::bigint as denied_count,
        sum(error_count)::bigint as error_count
    from days
    group by session_id
),
-- What does not change within a session is taken from its first day.
sessions as (
    select totals.*, first_day
    from totals
    inner join days as first_day on totals.session_id = first_day.session_id and totals.first_date = first_day.event_date
),
described as (
    select
        *,
        first_day.account_id as account_id,
        first_day.principal_id as principal_id,
        first_day.principal_arn as principal_arn,
        first_day.issuer_arn as issuer_arn,
        first_day.issuer_user_name as issuer_user_name,
        first_day.user_name as user_name,
        first_day.invoked_by as invoked_by,
        first_day.identity_type as identity_type,
        coalesce(
            nullif(split_part(first_day.principal_id, ':', 2), ''),
            case when first_day.identity_type = 'IAMUser' then first_day.user_name end
        ) as session_name,
        coalesce(
            first_day.issuer_arn like '%:role/aws-service-role/%'
            or first_day.issuer_user_name like 'AWSServiceRoleFor%',
            false
        ) as is_service_linked,
        case
            when first_day.identity_type = 'Root' then 'root'
            when first_day.identity_type = 'IAMUser' then 'user'
            when first_day.identity_type in ('AssumedRole', 'Role') then 'role'
            when first_day.identity_type = 'AWSService' then 'service'
            when first_day.identity_type in ('SAMLUser', 'WebIdentityUser', 'FederatedUser', 'Directory')
                then 'federated'
            when first_day.identity_type = 'IdentityCenterUser' then 'person'
            when first_day.identity_type = 'AWSAccount' then 'account'
            when first_day.identity_type is null and first_day.invoked_by is not null then 'service'
            else 'unknown'
        end as principal_kind
    from sessions
),
named as (
    select
        *,
        coalesce(
            case when principal_kind = 'federated' then federated_subject end,
            principal_arn,
            case when principal_kind = 'person' then on_behalf_of_user_id end,
            case when principal_kind = 'service' then invoked_by end,
            principal_id,
            user_name,
            invoked_by,
            account_id
        ) as own_principal_arn
    from described
)
select
    session_id,
    first_day.event_date as event_date,
    account_id,
    first_day.access_key_id as access_key_id,
    first_day.created_at as created_at,
    identity_type,
    principal_id,
    principal_arn,
    user_name,
    first_day.identity_provider as identity_provider,
    invoked_by,
    first_day.issuer_type as issuer_type,
    issuer_arn,
    first_day.issuer_principal_id as issuer_principal_id,
    first_day.issuer_account_id as issuer_account_id,
    issuer_user_name,
    session_name,
    source_identity,
    federated_provider,
    federated_attributes,
    federated_subject,
    on_behalf_of_user_id,
    is_mfa,
    is_from_console,
    principal_kind,
    is_service_linked,
    own_principal_arn,
    case
        when principal_kind = 'role' and issuer_arn is not null then issuer_arn
        when principal_kind = 'role' and principal_arn like 'arn:%:sts::%:assumed-role/%'
            then regexp_replace(
                principal_arn, '^(arn:[^:]*):sts::([^:]*):assumed-role/(.*)/[^/]*$', '\1:iam::\2:role/\3'
            )
        else own_principal_arn
    end as baseline_principal_arn,
    case
        when principal_kind = 'federated' then own_principal_arn
        else coalesce(first_day.issuer_principal_id, split_part(principal_id, ':', 1), own_principal_arn)
    end as principal_identity,
    active_day_count,
    event_count,
    denied_count,
    error_count,
    coalesce(
        nullif(regexp_extract(first_day.first_source_ip_address, '^(\d+\.\d+\.\d+)\.\d+$', 1), ''),
        nullif(regexp_extract(first_day.first_source_ip_address, '^((?:[0-9a-fA-F]{1,4}:){4})', 1), '')
    ) as network,
    nullif(lower(regexp_extract(first_day.first_user_agent, '^\[?([A-Za-z][A-Za-z0-9._-]*)', 1)), '') as client_kind,
    first_day.first_event_time as first_event_time,
    first_day.first_event_id as first_event_id,
    first_day.first_recipient_account_id as first_recipient_account_id,
    first_day.first_source_ip_address as first_source_ip_address,
    first_day.first_user_agent as first_user_agent,
    last_event_time
from named
