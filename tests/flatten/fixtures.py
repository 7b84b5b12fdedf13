"""One record per eventVersion and identity type, with the whole row that it must become.

``FIXTURES`` is a list of (name, record, expected): expected holds every column that is not null, but for provenance
and ``record_sha256``. Shapes follow the CloudTrail user guide; values are made up.
"""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from typing import Any

_AT = datetime(2024, 5, 1, 10, 0, tzinfo=UTC)
_ROLE_ARN = "arn:aws:iam::111122223333:role/path/deploy"
_POLICY = '{"Version":"2012-10-17",\n "Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}'


def compact(value: Any) -> str:
    """JSON as the archives hold it."""
    return json.dumps(value, separators=(",", ":"))


def _record(version: str, identity: Any, source: str, name: str, **members: Any) -> dict[str, Any]:
    made = {
        "eventVersion": version,
        "userIdentity": identity,
        "eventTime": "2024-05-01T10:00:00Z",
        "eventSource": f"{source}.amazonaws.com",
        "eventName": name,
        "awsRegion": "us-east-1",
        "sourceIPAddress": "203.0.113.7",
        "userAgent": "aws-cli/2.15.0",
        "eventID": "0f8fad5b-d9cb-469f-a165-70867728950e",
        "recipientAccountId": "111122223333",
    }
    made.update(members)
    return {key: value for key, value in made.items() if value is not ...}


def _row(record: dict[str, Any], **columns: Any) -> dict[str, Any]:
    made = {
        "event_date": date(2024, 5, 1),
        "event_time": _AT,
        "event_id": "0f8fad5b-d9cb-469f-a165-70867728950e",
        "recipient_account_id": "111122223333",
        "event_version": record["eventVersion"],
        "event_source": record["eventSource"],
        "event_name": record["eventName"],
        "aws_region": "us-east-1",
        "source_ip_address": "203.0.113.7",
        "user_agent": "aws-cli/2.15.0",
        "is_request_omitted": False,
        "is_denied": False,
        "parse_flags": [],
    }
    for member, column in (
        ("userIdentity", "user_identity"),
        ("requestParameters", "request_parameters"),
        ("responseElements", "response_elements"),
        ("additionalEventData", "additional_event_data"),
    ):
        if record.get(member) is not None:
            made[column] = compact(record[member])
    made.update(columns)
    return {column: value for column, value in made.items() if value is not None}


_ISSUER = {
    "type": "Role",
    "principalId": "AROAEXAMPLE",
    "arn": _ROLE_ARN,
    "accountId": "111122223333",
    "userName": "deploy",
}
_ISSUER_COLUMNS = {
    "session_issuer_type": "Role",
    "session_issuer_principal_id": "AROAEXAMPLE",
    "session_issuer_arn": _ROLE_ARN,
    "session_issuer_account_id": "111122223333",
    "session_issuer_user_name": "deploy",
}

_ROOT = _record(
    "1.0",
    {
        "type": "Root",
        "principalId": "111122223333",
        "arn": "arn:aws:iam::111122223333:root",
        "accountId": "111122223333",
    },
    "signin",
    "ConsoleLogin",
    responseElements={"ConsoleLogin": "Success"},
    additionalEventData={"LoginTo": "https://console.aws.amazon.com/", "MFAUsed": "Yes"},
    recipientAccountId=...,
    eventID=...,
)
_USER = _record(
    "1.01",
    {
        "type": "IAMUser",
        "principalId": "AIDAEXAMPLE",
        "arn": "arn:aws:iam::111122223333:user/ada",
        "accountId": "111122223333",
        "accessKeyId": "AKIAEXAMPLE",
        "userName": "ada",
    },
    "iam",
    "PutRolePolicy",
    requestParameters={"roleName": "deploy", "policyName": "p", "policyDocument": _POLICY},
    responseElements=None,
    requestID="r-1",
    apiVersion="2010-05-08",
)
_USER_COLUMNS = {
    "user_identity_type": "IAMUser",
    "user_identity_principal_id": "AIDAEXAMPLE",
    "user_identity_arn": "arn:aws:iam::111122223333:user/ada",
    "user_identity_account_id": "111122223333",
    "user_identity_access_key_id": "AKIAEXAMPLE",
    "user_identity_user_name": "ada",
}
_ASSUMED = _record(
    "1.02",
    {
        "type": "AssumedRole",
        "principalId": "AROAEXAMPLE:ci",
        "arn": "arn:aws:sts::111122223333:assumed-role/deploy/ci",
        "accountId": "111122223333",
        "accessKeyId": "ASIAEXAMPLE",
        "sessionContext": {
            "sessionIssuer": _ISSUER,
            "attributes": {"creationDate": "2024-05-01T09:59:58Z", "mfaAuthenticated": "false"},
            "sourceIdentity": "ada",
            "ec2RoleDelivery": "2.0",
            "assumedRoot": "true",
        },
    },
    "sts",
    "AssumeRole",
    requestParameters={
        "roleArn": _ROLE_ARN,
        "roleSessionName": "next",
        "sourceIdentity": "ada",
        "policy": _POLICY,
    },
    responseElements={
        "credentials": {
            "accessKeyId": "ASIANEXT",
            "sessionToken": "FwoGZXIvYXdzEXAMPLE==",
            "expiration": "May 1, 2024, 11:00:00 AM",
        },
        "assumedRoleUser": {
            "assumedRoleId": "AROAEXAMPLE:next",
            "arn": "arn:aws:sts::111122223333:assumed-role/deploy/next",
        },
    },
    eventType="AwsApiCall",
    sharedEventID="shared-1",
    vpcEndpointId="vpce-1",
    resources=[{"ARN": _ROLE_ARN, "accountId": "111122223333", "type": "AWS::IAM::Role"}],
)
_WEB = _record(
    "1.05",
    {
        "type": "WebIdentityUser",
        "principalId": "accounts.example.com:app:42",
        "userName": "42",
        "identityProvider": "accounts.example.com",
        "sessionContext": {
            "webIdFederationData": {"federatedProvider": "accounts.example.com", "attributes": {"a": "b"}}
        },
    },
    "sts",
    "AssumeRoleWithWebIdentity",
    requestParameters={"roleArn": _ROLE_ARN, "roleSessionName": "web"},
    responseElements={"provider": "accounts.example.com", "subjectFromWebIdentityToken": "42"},
    readOnly=True,
)
_DENIAL = (
    "User: arn:aws:iam::111122223333:user/ada is not authorized to perform: iam:PutRolePolicy on resource: "
    "role deploy because no identity-based policy allows the iam:PutRolePolicy action"
)
_CENTER = _record(
    "1.08",
    {
        "type": "IdentityCenterUser",
        "accountId": "111122223333",
        "onBehalfOf": {"userId": "u-1", "identityStoreArn": "arn:aws:identitystore::111122223333:identitystore/d-1"},
        "credentialId": "cred-1",
    },
    "sso",
    "PutInlinePolicyToPermissionSet",
    requestParameters={
        "instanceArn": "arn:aws:sso:::instance/ssoins-1",
        "permissionSetArn": "arn:aws:sso:::permissionSet/ssoins-1/ps-1",
        "inlinePolicy": _POLICY,
    },
    sessionCredentialFromConsole="true",
    addendum={"reason": "UPDATED_DATA", "updatedFields": "responseElements", "originalEventID": "e-0"},
    managementEvent=True,
    eventCategory="Management",
    tlsDetails={"tlsVersion": "TLSv1.3"},
)

FIXTURES: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    (
        "1.0 Root signs in; id and account have fallbacks",
        _ROOT,
        _row(
            _ROOT,
            event_id=...,
            user_identity_type="Root",
            user_identity_principal_id="111122223333",
            user_identity_arn="arn:aws:iam::111122223333:root",
            user_identity_account_id="111122223333",
            console_login_result="Success",
            is_mfa_used_at_login=True,
            parse_flags=["missing_account", "missing_event_id"],
            raw_record=compact(_ROOT),
        ),
    ),
    (
        "1.01 IAMUser puts a role policy",
        _USER,
        _row(
            _USER,
            **_USER_COLUMNS,
            request_id="r-1",
            api_version="2010-05-08",
            target_role_name="deploy",
            policy_name="p",
            policy_document=_POLICY,
        ),
    ),
    (
        "1.02 AssumedRole assumes a role; the token is gone",
        _ASSUMED,
        _row(
            _ASSUMED,
            **_ISSUER_COLUMNS,
            response_elements=compact(_ASSUMED["responseElements"]).replace("FwoGZXIvYXdzEXAMPLE==", "***REDACTED***"),
            user_identity_type="AssumedRole",
            user_identity_principal_id="AROAEXAMPLE:ci",
            user_identity_arn="arn:aws:sts::111122223333:assumed-role/deploy/ci",
            user_identity_account_id="111122223333",
            user_identity_access_key_id="ASIAEXAMPLE",
            session_creation_at=datetime(2024, 5, 1, 9, 59, 58, tzinfo=UTC),
            is_session_mfa_authenticated=False,
            session_source_identity="ada",
            session_ec2_role_delivery="2.0",
            is_session_assumed_root=True,
            event_type="AwsApiCall",
            shared_event_id="shared-1",
            vpc_endpoint_id="vpce-1",
            resources=compact(_ASSUMED["resources"]),
            issued_access_key_id="ASIANEXT",
            issued_expiration_at=datetime(2024, 5, 1, 11, 0, tzinfo=UTC),
            assumed_role_arn=_ROLE_ARN,
            assumed_role_session_arn="arn:aws:sts::111122223333:assumed-role/deploy/next",
            assumed_role_id="AROAEXAMPLE:next",
            role_session_name="next",
            requested_source_identity="ada",
            session_policy=_POLICY,
        ),
    ),
    (
        "1.05 WebIdentityUser",
        _WEB,
        _row(
            _WEB,
            user_identity_type="WebIdentityUser",
            user_identity_principal_id="accounts.example.com:app:42",
            user_identity_user_name="42",
            user_identity_identity_provider="accounts.example.com",
            web_id_federated_provider="accounts.example.com",
            web_id_attributes='{"a":"b"}',
            is_read_only=True,
            assumed_role_arn=_ROLE_ARN,
            role_session_name="web",
            federated_subject="accounts.example.com|42",
        ),
    ),
    (
        "1.08 IdentityCenterUser writes a permission set",
        _CENTER,
        _row(
            _CENTER,
            user_identity_type="IdentityCenterUser",
            user_identity_account_id="111122223333",
            user_identity_credential_id="cred-1",
            on_behalf_of_user_id="u-1",
            on_behalf_of_identity_store_arn="arn:aws:identitystore::111122223333:identitystore/d-1",
            target_role_arn="arn:aws:sso:::permissionSet/ssoins-1/ps-1",
            policy_document=_POLICY,
            is_session_credential_from_console=True,
            addendum=compact(_CENTER["addendum"]),
            is_management_event=True,
            event_category="Management",
            tls_details='{"tlsVersion":"TLSv1.3"}',
        ),
    ),
]


def _add(name: str, record: dict[str, Any], **columns: Any) -> None:
    FIXTURES.append((name, record, _row(record, **columns)))


def _simple(version: str, kind: str, source: str, name: str, **members: Any) -> dict[str, Any]:
    return _record(version, {"type": kind, "accountId": "111122223333"}, source, name, **members)


_KIND = {"user_identity_account_id": "111122223333"}

_made = _simple(
    "1.03",
    "Role",
    "iam",
    "CreateRole",
    requestParameters={
        "roleName": "r",
        "assumeRolePolicyDocument": "{}",
        "permissionsBoundary": "arn:aws:iam::aws:policy/B",
    },
    responseElements={"role": {"roleId": "AROANEW", "arn": _ROLE_ARN}},
)
_add(
    "1.03 Role",
    _made,
    **_KIND,
    user_identity_type="Role",
    target_role_name="r",
    target_role_arn=_ROLE_ARN,
    policy_document="{}",
    permissions_boundary_arn="arn:aws:iam::aws:policy/B",
    created_principal_id="AROANEW",
)

_made = _simple(
    "1.04",
    "FederatedUser",
    "iam",
    "CreatePolicyVersion",
    requestParameters={"policyArn": "arn:p", "policyDocument": "%7B%7D", "setAsDefault": True},
    responseElements={"policyVersion": {"versionId": "v2"}},
)
_add(
    "1.04 FederatedUser",
    _made,
    **_KIND,
    user_identity_type="FederatedUser",
    policy_arn="arn:p",
    policy_document="%7B%7D",
    is_set_as_default=True,
    policy_version_id="v2",
)

_made = _simple(
    "1.06",
    "SAMLUser",
    "sts",
    "AssumeRoleWithSAML",
    requestParameters={"principalArn": "arn:saml"},
    responseElements={"subject": "ada@example.com"},
    managementEvent=True,
)
_add(
    "1.06 SAMLUser",
    _made,
    **_KIND,
    user_identity_type="SAMLUser",
    federated_subject="arn:saml|ada@example.com",
    is_management_event=True,
)

_made = _simple(
    "1.07",
    "AWSAccount",
    "ec2",
    "RunInstances",
    requestParameters={"iamInstanceProfile": {"name": "prof"}},
    responseElements={"instancesSet": {"items": [{"instanceId": "i-1"}, {"instanceId": "i-2"}]}},
    eventCategory="Management",
    vpcEndpointAccountId="444455556666",
    edgeDeviceDetails={"d": 1},
)
_add(
    "1.07 AWSAccount",
    _made,
    **_KIND,
    user_identity_type="AWSAccount",
    passed_role_arn="prof",
    compute_resource="i-1,i-2",
    event_category="Management",
    vpc_endpoint_account_id="444455556666",
    edge_device_details='{"d":1}',
)

_made = _record(
    "1.09",
    {
        "type": "AWSService",
        "invokedBy": "lambda.amazonaws.com",
        "invokedByDelegate": {"accountId": "1"},
        "inScopeOf": {"sourceArn": "arn:x"},
    },
    "lambda",
    "CreateFunction20150331",
    requestParameters={"functionName": "f", "role": _ROLE_ARN},
    serviceEventDetails={"a": 1},
    insightDetails={"i": 1},
    eventContext={"c": 1},
)
_add(
    "1.09 AWSService",
    _made,
    user_identity_type="AWSService",
    user_identity_invoked_by="lambda.amazonaws.com",
    user_identity_invoked_by_delegate='{"accountId":"1"}',
    user_identity_in_scope_of='{"sourceArn":"arn:x"}',
    passed_role_arn=_ROLE_ARN,
    compute_resource="f",
    service_event_details='{"a":1}',
    insight_details='{"i":1}',
    event_context='{"c":1}',
)

_made = _simple(
    "1.10",
    "Directory",
    "iam",
    "PutRolePolicy",
    errorCode="AccessDenied",
    errorMessage=_DENIAL,
    requestParameters=None,
    newMember={"sessionToken": "abc", "n": 1.50},
)
_add(
    "1.10 Directory is denied; the role is in the message",
    _made,
    **_KIND,
    user_identity_type="Directory",
    error_code="AccessDenied",
    error_message=_DENIAL,
    is_denied=True,
    target_role_name="deploy",
    unknown_members='{"newMember":{"sessionToken":"***REDACTED***","n":1.5}}',
)

_made = _simple(
    "1.11",
    "Unknown",
    "iam",
    "CreateAccessKey",
    errorCode="200",
    requestParameters={"userName": "bob", "groupName": "g"},
    responseElements={"accessKey": {"accessKeyId": "AKIANEW", "userName": "bob"}},
)
_add(
    "1.11 Unknown creates a key; 200 is success",
    _made,
    **_KIND,
    user_identity_type="Unknown",
    error_code="200",
    target_user_name="bob",
    target_group_name="g",
    issued_access_key_id="AKIANEW",
    issued_to_user_name="bob",
)

_made = _record(
    "1.08",
    {"accountId": "111122223333", "arn": "", "invokedBy": "ec2.amazonaws.com"},
    "iam",
    "PutRolePolicy",
    requestParameters={"omitted": True, "originalSize": 200000, "reason": "requestParameters too large"},
)
_add(
    "no type, an empty arn, parameters omitted",
    _made,
    **_KIND,
    user_identity_invoked_by="ec2.amazonaws.com",
    is_request_omitted=True,
)

_made = _record("1.08", ..., "s3", "ListBuckets")
_add("no identity at all", _made)
