-- model:   int_session_days
-- purpose: What each session did on each day, so that nothing later reads every event again to know a session.
-- grain:   one row per (event_date, session_id)
-- order:   event_date, session_id
-- inputs:  stg_events
-- stored:  by event_date
-- columns: account_id              account of the caller; the recipient's where the record has none
--          access_key_id           key that signed the session's calls
--          created_at              start of the session; NULL for a long-lived key
--          identity_type           userIdentity.type
--          principal_id            userIdentity.principalId
--          principal_arn           userIdentity.arn
--          user_name               userIdentity.userName
--          identity_provider       userIdentity.identityProvider
--          invoked_by              service of the first event, where one acted
--          issuer_type             sessionIssuer.type
--          issuer_arn              sessionIssuer.arn
--          issuer_principal_id     sessionIssuer.principalId: AROA... tells a recreated role from its namesake
--          issuer_account_id       sessionIssuer.accountId
--          issuer_user_name        sessionIssuer.userName
--          source_identity         sourceIdentity, which survives role chaining
--          federated_provider      webIdFederationData.federatedProvider
--          federated_attributes    webIdFederationData.attributes, JSON
--          federated_subject       provider and subject of the federated sign-in the session made, joined by |
--          is_mfa                  any event says MFA was used
--          is_from_console         any event's credentials come from a console session
--          first_event_time        first of the day
--          first_event_id          its id
--          first_recipient_account_id  its account
--          first_source_ip_address     its address
--          first_user_agent            its client
--          last_event_time         last of the day
--          event_count             events
--          denied_count            denials among them
--          error_count             errors among them, denials included
-- source:  AWS CloudTrail user guide, "CloudTrail userIdentity element"
with
events as (
    select
        event_date, session_id, event_time, event_id, recipient_account_id, source_ip_address, user_agent, is_denied,
        is_success, user_identity_type, user_identity_principal_id, user_identity_arn, user_identity_account_id,
        user_identity_access_key_id, user_identity_user_name, user_identity_identity_provider,
        user_identity_invoked_by, on_behalf_of_user_id, session_issuer_type, session_issuer_arn,
        session_issuer_principal_id, session_issuer_account_id, session_issuer_user_name, session_creation_at,
        is_session_mfa_authenticated, session_source_identity, web_id_federated_provider, web_id_attributes,
        federated_subject, is_session_credential_from_console,
        -- One number orders a session's events: the time, then a hash of the id as the tie-break.
        (epoch_us(event_time)::hugeint << 64) | hash(event_id)::hugeint as place
    from stg_events
),
days as (
    select
        event_date,
        session_id,
        arg_min(
            struct_pack(
                account_id := coalesce(user_identity_account_id, recipient_account_id),
                access_key_id := user_identity_access_key_id,
                created_at := case
                    when user_identity_access_key_id like 'AKIA%' then null else session_creation_at
                end,
                identity_type := user_identity_type,
                principal_id := user_identity_principal_id,
                principal_arn := user_identity_arn,
                user_name := user_identity_user_name,
                identity_provider := user_identity_identity_provider,
                invoked_by := user_identity_invoked_by,
                issuer_type := session_issuer_type,
                issuer_arn := session_issuer_arn,
                issuer_principal_id := session_issuer_principal_id,
                issuer_account_id := session_issuer_account_id,
                issuer_user_name := session_issuer_user_name,
                first_event_time := event_time,
                first_event_id := event_id,
                first_recipient_account_id := recipient_account_id,
                first_source_ip_address := source_ip_address,
                first_user_agent := user_agent
            ),
            place
        ) as first_event,
        max(session_source_identity) as source_identity,
        max(web_id_federated_provider) as federated_provider,
        max(web_id_attributes) as federated_attributes,
        max(federated_subject) as federated_subject,
        max(on_behalf_of_user_id) as on_behalf_of_user_id,
        bool_or(is_session_mfa_authenticated) as is_mfa,
        bool_or(is_session_credential_from_console) as is_from_console,
        max(event_time) as last_event_time,
        count(*) as event_count,
        count(*) filter (where is_denied) as denied_count,
        count(*) filter (where not is_success) as error_count
    from events
    group by event_date, session_id
)
select
    event_date,
    session_id,
    first_event.account_id as account_id,
    first_event.access_key_id as access_key_id,
    first_event.created_at as created_at,
    first_event.identity_type as identity_type,
    first_event.principal_id as principal_id,
    first_event.principal_arn as principal_arn,
    first_event.user_name as user_name,
    first_event.identity_provider as identity_provider,
    first_event.invoked_by as invoked_by,
    first_event.issuer_type as issuer_type,
    first_event.issuer_arn as issuer_arn,
    first_event.issuer_principal_id as issuer_principal_id,
    first_event.issuer_account_id as issuer_account_id,
    first_event.issuer_user_name as issuer_user_name,
    source_identity,
    federated_provider,
    federated_attributes,
    federated_subject,
    on_behalf_of_user_id,
    is_mfa,
    is_from_console,
    first_event.first_event_time as first_event_time,
    first_event.first_event_id as first_event_id,
    first_event.first_recipient_account_id as first_recipient_account_id,
    first_event.first_source_ip_address as first_source_ip_address,
    first_event.first_user_agent as first_user_agent,
    last_event_time,
    event_count,
    denied_count,
    error_count
from days
