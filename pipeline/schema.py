"""The one truth for columns: Arrow schemas of the lake's tables and of what Python hands to SQL.

What enters: nothing. What leaves: ``EVENTS``, ``ARCHIVES``, ``QUARANTINE`` and the ``ext_`` relations.
This module must never read or convert data. Each field's metadata holds ``doc`` (one sentence) and, where the
value is AWS's own, ``member`` (its path in the CloudTrail record); the column tables in docs are made from them.

Source: AWS CloudTrail user guide, "CloudTrail record contents" and "CloudTrail userIdentity element",
eventVersion 1.11.
"""

from __future__ import annotations

import pyarrow as pa

LAKE_FORMAT = 2
"""Version of the lake's layout; a lake of another version is refused, never guessed at."""

TIMESTAMP = pa.timestamp("us", tz="UTC")
"""Every instant: microseconds, UTC. A zone-less timestamp would raise the Delta protocol version."""


def _f(name: str, kind: pa.DataType, doc: str, member: str = "", *, nullable: bool = True) -> pa.Field:
    metadata = {"doc": doc}
    if member:
        metadata["member"] = member
    return pa.field(name, kind, nullable=nullable, metadata=metadata)


_S, _I4, _I8, _B = pa.string(), pa.int32(), pa.int64(), pa.bool_()
_WORDS = pa.list_(pa.string())

_PROVENANCE = [
    _f("archive_uri", _S, "s3:// or file:// URI of the archive that holds the record", nullable=False),
    _f("archive_version", _S, "ETag, or size and mtime of a file", nullable=False),
    _f("archive_sha256", _S, "SHA-256 of the object's bytes as stored, lower-case hex", nullable=False),
    _f("record_index", _I4, "position in Records, from 0", nullable=False),
    _f("record_sha256", _S, "SHA-256 of the record's raw bytes, lower-case hex", nullable=False),
]

_RECORD = [
    _f("event_version", _S, "version of the record format; compare the parts as integers", "eventVersion"),
    _f("event_source", _S, "service asked, e.g. iam.amazonaws.com", "eventSource"),
    _f("event_name", _S, "API action as recorded, suffix included", "eventName"),
    _f("aws_region", _S, "region of the call; us-east-1 for IAM", "awsRegion"),
    _f("source_ip_address", _S, "address, service name, 'AWS Internal' or a comma list", "sourceIPAddress"),
    _f("user_agent", _S, "client, as it named itself", "userAgent"),
    _f("error_code", _S, "AWS error code; null on success ('200' also means success)", "errorCode"),
    _f("error_message", _S, "error text; on an IAM denial the only place that names the target", "errorMessage"),
    _f("request_id", _S, "request id of the service", "requestID"),
    _f("event_type", _S, "AwsApiCall, AwsConsoleSignIn, AwsServiceEvent ...", "eventType"),
    _f("api_version", _S, "API version of the service", "apiVersion"),
    _f("event_category", _S, "Management, Data, Insight, NetworkActivity; null before 1.07", "eventCategory"),
    _f("is_management_event", _B, "management event; null before 1.06", "managementEvent"),
    _f("is_read_only", _B, "read-only call; null in old records", "readOnly"),
    _f("shared_event_id", _S, "same in each account's copy of one action", "sharedEventID"),
    _f("vpc_endpoint_id", _S, "VPC endpoint of the request", "vpcEndpointId"),
    _f("vpc_endpoint_account_id", _S, "owner of that endpoint", "vpcEndpointAccountId"),
    _f("is_session_credential_from_console", _B, "credentials of a console session", "sessionCredentialFromConsole"),
]

_IDENTITY = [
    _f("user_identity_type", _S, "Root, IAMUser, AssumedRole, AWSService ...; may be absent", "userIdentity.type"),
    _f("user_identity_principal_id", _S, "AIDA..., AROA...:session-name", "userIdentity.principalId"),
    _f("user_identity_arn", _S, "ARN of the caller, session name included; never ''", "userIdentity.arn"),
    _f("user_identity_account_id", _S, "account of the caller, text", "userIdentity.accountId"),
    _f("user_identity_access_key_id", _S, "access key that signed the call", "userIdentity.accessKeyId"),
    _f("user_identity_user_name", _S, "IAM user's name", "userIdentity.userName"),
    _f("user_identity_invoked_by", _S, "service that acted, alone or for the principal", "userIdentity.invokedBy"),
    _f("user_identity_invoked_by_delegate", _S, "JSON of the delegate", "userIdentity.invokedByDelegate"),
    _f("user_identity_identity_provider", _S, "SAML or OIDC provider", "userIdentity.identityProvider"),
    _f("user_identity_credential_id", _S, "bearer credential", "userIdentity.credentialId"),
    _f("user_identity_in_scope_of", _S, "JSON of the issuing scope", "userIdentity.inScopeOf"),
    _f("on_behalf_of_user_id", _S, "Identity Center user", "userIdentity.onBehalfOf.userId"),
    _f("on_behalf_of_identity_store_arn", _S, "Identity Center store", "userIdentity.onBehalfOf.identityStoreArn"),
    _f("session_issuer_type", _S, "Role, User, Root", "userIdentity.sessionContext.sessionIssuer.type"),
    _f("session_issuer_arn", _S, "ARN of the role or user", "userIdentity.sessionContext.sessionIssuer.arn"),
    _f("session_issuer_principal_id", _S, "AROA... of it", "userIdentity.sessionContext.sessionIssuer.principalId"),
    _f("session_issuer_account_id", _S, "account of it", "userIdentity.sessionContext.sessionIssuer.accountId"),
    _f("session_issuer_user_name", _S, "role's name, no path", "userIdentity.sessionContext.sessionIssuer.userName"),
    _f("session_creation_at", TIMESTAMP, "session's start", "userIdentity.sessionContext.attributes.creationDate"),
    _f("is_session_mfa_authenticated", _B, "MFA", "userIdentity.sessionContext.attributes.mfaAuthenticated"),
    _f("session_source_identity", _S, "survives role chaining", "userIdentity.sessionContext.sourceIdentity"),
    _f("session_ec2_role_delivery", _S, "IMDS version", "userIdentity.sessionContext.ec2RoleDelivery"),
    _f("is_session_assumed_root", _B, "root by AssumeRoot", "userIdentity.sessionContext.assumedRoot"),
    _f("web_id_federated_provider", _S, "OIDC", "userIdentity.sessionContext.webIdFederationData.federatedProvider"),
    _f("web_id_attributes", _S, "JSON", "userIdentity.sessionContext.webIdFederationData.attributes"),
]

_FREE_FORM = [
    _f("user_identity", _S, "lossless JSON text", "userIdentity"),
    _f("request_parameters", _S, "lossless JSON text; tokens redacted", "requestParameters"),
    _f("response_elements", _S, "lossless JSON text; tokens redacted; null is no failure", "responseElements"),
    _f("additional_event_data", _S, "lossless JSON text", "additionalEventData"),
    _f("service_event_details", _S, "lossless JSON text", "serviceEventDetails"),
    _f("resources", _S, "lossless JSON text", "resources"),
    _f("addendum", _S, "JSON: reason and originalEventID of a late update", "addendum"),
    _f("tls_details", _S, "lossless JSON text", "tlsDetails"),
    _f("edge_device_details", _S, "lossless JSON text", "edgeDeviceDetails"),
    _f("insight_details", _S, "lossless JSON text", "insightDetails"),
    _f("event_context", _S, "lossless JSON text", "eventContext"),
    _f("unknown_members", _S, "JSON object of members this schema has no column for; tokens redacted"),
]

_PROMOTED = [
    _f("target_role_name", _S, "requestParameters.roleName, or the role that a denial's message names"),
    _f("target_role_arn", _S, "ARN where the record states one (response, parameter or message)"),
    _f("target_user_name", _S, "requestParameters.userName, or the user that a denial's message names"),
    _f("target_group_name", _S, "requestParameters.groupName, or the group that a denial's message names"),
    _f("policy_name", _S, "requestParameters.policyName"),
    _f("policy_arn", _S, "requestParameters.policyArn; CreatePolicy: responseElements.policy.arn"),
    _f("policy_document", _S, "policyDocument or assumeRolePolicyDocument as given, JSON text (never decoded)"),
    _f("policy_version_id", _S, "requestParameters.versionId; CreatePolicyVersion: the response's"),
    _f("is_set_as_default", _B, "CreatePolicyVersion: setAsDefault"),
    _f("permissions_boundary_arn", _S, "requestParameters.permissionsBoundary"),
    _f("issued_access_key_id", _S, "key an answer hands out: credentials.accessKeyId or accessKey.accessKeyId"),
    _f("issued_expiration_at", TIMESTAMP, "responseElements.credentials.expiration"),
    _f("issued_to_user_name", _S, "CreateAccessKey: responseElements.accessKey.userName"),
    _f("assumed_role_arn", _S, "AssumeRole*: requestParameters.roleArn"),
    _f("assumed_role_session_arn", _S, "responseElements.assumedRoleUser.arn"),
    _f("assumed_role_id", _S, "responseElements.assumedRoleUser.assumedRoleId (AROA...:session-name)"),
    _f("role_session_name", _S, "AssumeRole*: requestParameters.roleSessionName"),
    _f("requested_source_identity", _S, "AssumeRole: requestParameters.sourceIdentity"),
    _f("session_policy", _S, "AssumeRole, GetFederationToken: requestParameters.policy, JSON text"),
    _f("federated_subject", _S, "AssumeRoleWithSAML/WebIdentity: provider + '|' + subject"),
    _f("passed_role_arn", _S, "role handed to a service by the consuming call, as given (name or ARN)"),
    _f("compute_resource", _S, "what receives the passed role: function, instance, task definition, stack ..."),
    _f("created_principal_id", _S, "CreateRole/CreateUser: AROA.../AIDA... of the answer"),
    _f("console_login_result", _S, "ConsoleLogin: responseElements.ConsoleLogin (Success, Failure)"),
    _f("is_mfa_used_at_login", _B, "ConsoleLogin: additionalEventData.MFAUsed"),
    _f("is_request_omitted", _B, "requestParameters were replaced by {omitted: true} (over 100 KB)", nullable=False),
    _f("is_denied", _B, "error_code is one of AWS's access denials", nullable=False),
]

EVENTS = pa.schema(
    [
        _f("event_date", pa.date32(), "UTC date of event_time; partition", nullable=False),
        _f("event_time", TIMESTAMP, "when the call was made", "eventTime", nullable=False),
        _f("event_id", _S, "eventID, or 'sha256:' + record_sha256 where absent", "eventID", nullable=False),
        _f(
            "recipient_account_id",
            _S,
            "account that received the record; else the key path's, else userIdentity's; '' if none is known",
            "recipientAccountId",
            nullable=False,
        ),
        *_RECORD,
        *_IDENTITY,
        *_FREE_FORM,
        *_PROMOTED,
        _f("session_id", _S, "hash of caller account, principal, session start and access key", nullable=False),
        _f(
            "parse_flags",
            _WORDS,
            "what was odd about the record, sorted; empty list for an ordinary one",
            nullable=False,
        ),
        _f("raw_record", _S, "raw text with tokens redacted; only where parse_flags is not empty"),
        *_PROVENANCE,
    ]
)
"""One row per delivery of a record (duplicates included): the Delta table ``events``."""

ARCHIVES = pa.schema(
    [
        _f("batch_number", _I8, "commit counter that wrote the row", nullable=False),
        _f("batch_position", _I4, "order within the batch", nullable=False),
        _f("archive_uri", _S, "object's URI", nullable=False),
        _f("archive_version", _S, "ETag, or size and mtime of a file", nullable=False),
        _f("archive_key", _S, "key relative to SOURCE: orders and hashes use it, so a moved folder changes nothing"),
        _f("source_uri", _S, "SOURCE as given, normalised"),
        _f("kind", _S, "archive, digest, insight, network_activity, aggregated, other"),
        _f("outcome", _S, "committed, empty, quarantined, skipped, failed", nullable=False),
        _f("reason", _S, "why, where the outcome is not 'committed'; one of the documented words"),
        _f("detail", _S, "the same as a sentence"),
        _f("account_id", _S, "account by the key"),
        _f("region", _S, "region by the key"),
        _f("delivery_date", pa.date32(), "date in the key's path"),
        _f("delivered_at", TIMESTAMP, "time in the file name, else last-modified"),
        _f("stored_bytes", _I8, "size as stored"),
        _f("inflated_bytes", _I8, "size of the JSON"),
        _f("archive_sha256", _S, "SHA-256 of the stored bytes, hex"),
        _f("inflated_sha256", _S, "SHA-256 of the JSON, hex: what a digest signs"),
        _f("record_read_count", _I8, "records seen", nullable=False),
        _f("record_kept_count", _I8, "records that became events", nullable=False),
        _f("record_quarantined_count", _I8, "records in quarantine", nullable=False),
        _f("event_dates", pa.list_(pa.date32()), "dates its events touch, sorted"),
        _f("first_event_time", TIMESTAMP, "earliest event"),
        _f("last_event_time", TIMESTAMP, "latest event"),
        _f("verification", _S, "verified, pending, mismatch, unlisted, no_digest; null if not checked"),
        _f("digest_uri", _S, "digest that vouches for it"),
        _f("digest_key_fingerprint", _S, "fingerprint of the public key that signed that digest"),
        _f("chain_sha256", _S, "SHA-256 over the previous row's chain_sha256 and this row: tampering shows"),
    ]
)
"""The ledger, append-only: a verdict or a retry is a new row; the latest per (uri, version) counts."""

QUARANTINE = pa.schema(
    [
        _f("batch_number", _I8, "commit counter that wrote the row", nullable=False),
        _f("archive_uri", _S, "object's URI", nullable=False),
        _f("archive_version", _S, "its version", nullable=False),
        _f("archive_key", _S, "key relative to SOURCE"),
        _f("record_index", _I4, "position in Records; null for the archive as a whole"),
        _f("byte_offset", _I8, "start in the inflated bytes, where known"),
        _f("reason", _S, "one word, documented in docs/quarantine.md", nullable=False),
        _f("detail", _S, "a sentence, control characters escaped"),
        _f("raw_excerpt", _S, "the first 4,096 characters, tokens redacted, control characters escaped"),
    ]
)

EXT_POLICY_DELTAS = pa.schema(
    [
        _f("recipient_account_id", _S, "account of the write", nullable=False),
        _f("event_id", _S, "the write", nullable=False),
        _f("target_arn", _S, "principal whose permissions changed; '' where unknown", nullable=False),
        _f("target_kind", _S, "role, user, group, unknown", nullable=False),
        _f("target_name", _S, "its name, as written"),
        _f("state", _S, "known, upper_bound, unknown", nullable=False),
        _f("tier", _S, "T0 to T4: what the write added, after a known boundary", nullable=False),
        _f("standing_tier", _S, "T0 to T4: all that the target may do after the write, as far as known"),
        _f("before_document", _S, "what the same slot held before, canonical JSON; null if nothing or unknown"),
        _f("after_document", _S, "what it holds after, canonical JSON; null if nothing"),
        _f("document_sha256", _S, "hash of the canonical document written"),
        _f("actions_added", _WORDS, "patterns as written, at most 50, sorted"),
        _f("actions_added_count", _I8, "catalogue actions newly allowed", nullable=False),
        _f("resources_widened", _WORDS, "resource patterns added for actions held before"),
        _f("conditions_dropped", _WORDS, "condition keys that no longer apply"),
        _f("denies_removed", _WORDS, "action patterns of Deny statements that went"),
        _f("trust_added", _WORDS, "principals that a trust policy newly lets in"),
        _f("is_trust_change", _B, "the write changed who may assume the role", nullable=False),
        _f("is_noop", _B, "nothing new was granted", nullable=False),
        _f("is_deny_only", _B, "the document only denies", nullable=False),
        _f("primitives", _WORDS, "ids of escalation_paths.csv that the standing permissions complete through this"),
        _f("flags", _WORDS, "unparseable, omitted, not_action, wildcard_in_name, vacuous_condition, ..."),
    ]
)
"""Made by ``policy`` from ``int_policy_writes``: one row per (write, affected principal)."""

EXT_USE_VERDICTS = pa.schema(
    [
        _f("recipient_account_id", _S, "account of the grant", nullable=False),
        _f("event_id", _S, "the grant", nullable=False),
        _f("target_arn", _S, "whose permissions changed", nullable=False),
        _f("iam_action", _S, "service:Action of a call made by the target's session", nullable=False),
        _f("is_allowed_by_delta", _B, "the grant's delta allows it", nullable=False),
        _f("was_allowed_before", _B, "the target's earlier permissions allowed it; null if unknown"),
    ]
)
"""Made by ``policy`` from ``int_use_candidates``: does the delta allow what was then called?"""

EXT_FINDING_IDS = pa.schema(
    [
        _f("own_finding_id", _S, "id that this build's evidence gives the finding", nullable=False),
        _f("finding_id", _S, "id it is known by: inherited from a stored finding that shares a grant", nullable=False),
        _f("supersedes", _WORDS, "stored ids that became part of it, sorted", nullable=False),
    ]
)
"""Made by ``findings`` from ``int_findings`` and the stored ``fct_findings``: ids stay as evidence grows."""

EXT_OWN_CALLS = pa.schema(
    [
        _f("recipient_account_id", _S, "account of the plan", nullable=False),
        _f("request_id", _S, "request id that the service gave the call", nullable=False),
        _f("event_name", _S, "the operation", nullable=False),
        _f("plan_id", _S, "plan that the call belongs to", nullable=False),
        _f("step_id", _S, "step of it", nullable=False),
        _f("remedied_finding_id", _S, "finding that the step was to end; '' of a posture item", nullable=False),
        _f("phase", _S, "done, rolled_back, or failed where the call was refused", nullable=False),
    ]
)
"""Made from apply journals: calls that were one's own remediation."""
