"""Records, member for member."""

from __future__ import annotations

import json

from pipeline.simulate.entropy import Entropy
from pipeline.simulate.record import Entry, host_of, render_event, tls_of
from pipeline.simulate.session import User, service_session, user_session

USER = User("111122223333", "ana", "AIDAANA", "AKIAANA")


def test_a_successful_call_has_aws_members_in_their_order() -> None:
    """The whole record of a PutRolePolicy, as CloudTrail writes it."""
    session = user_session(USER, "81.1.2.3", "aws-cli/2", version="1.10")
    request = {"roleName": "app", "policyName": "p", "policyDocument": "{}"}
    entry = Entry("iam.amazonaws.com", "PutRolePolicy", "us-east-1", request)
    event = render_event(Entropy(1), session, 1_741_000_000, entry)
    record = json.loads(event.text)
    assert list(record) == [
        "eventVersion", "userIdentity", "eventTime", "eventSource", "eventName", "awsRegion", "sourceIPAddress",
        "userAgent", "requestParameters", "responseElements", "requestID", "eventID", "readOnly", "eventType",
        "managementEvent", "recipientAccountId", "eventCategory", "tlsDetails",
    ]  # fmt: skip
    assert record == {
        "eventVersion": "1.10",
        "userIdentity": session.identity,
        "eventTime": "2025-03-03T11:06:40Z",
        "eventSource": "iam.amazonaws.com",
        "eventName": "PutRolePolicy",
        "awsRegion": "us-east-1",
        "sourceIPAddress": "81.1.2.3",
        "userAgent": "aws-cli/2",
        "requestParameters": request,
        "responseElements": None,
        "requestID": record["requestID"],
        "eventID": event.event_id,
        "readOnly": False,
        "eventType": "AwsApiCall",
        "managementEvent": True,
        "recipientAccountId": "111122223333",
        "eventCategory": "Management",
        "tlsDetails": {
            "tlsVersion": "TLSv1.3",
            "cipherSuite": "TLS_AES_128_GCM_SHA256",
            "clientProvidedHostHeader": "iam.amazonaws.com",
        },
    }
    assert (event.account_id, event.region, event.time) == ("111122223333", "us-east-1", 1_741_000_000)


def test_a_denied_call_of_a_service_for_another_account() -> None:
    """Error members stand before the parameters; a service has no TLS details; the recipient may be another."""
    entry = Entry(
        "sts.amazonaws.com", "AssumeRole", "eu-west-1", error=("AccessDenied", "no"), account_id="444455556666",
        shared_id="s-1", addendum={"reason": "UPDATED_DATA", "originalEventID": "e-1"}, additional={"MFAUsed": "No"},
        resources=[{"ARN": "arn:x"}],
    )  # fmt: skip
    event = render_event(Entropy(1), service_session("111122223333", "ec2.amazonaws.com"), 0, entry)
    record = json.loads(event.text)
    members = list(record)
    assert members.index("userAgent") + 1 == members.index("errorCode") == members.index("requestParameters") - 2
    assert "tlsDetails" not in record
    assert (record["recipientAccountId"], record["sharedEventID"]) == ("444455556666", "s-1")
    assert record["addendum"]["originalEventID"] == "e-1"
    assert record["additionalEventData"] == {"MFAUsed": "No"}
    assert record["resources"] == [{"ARN": "arn:x"}]


def test_hosts_are_those_of_the_services() -> None:
    """IAM has one host everywhere; others one a region."""
    assert host_of("iam.amazonaws.com", "eu-west-1") == "iam.amazonaws.com"
    assert host_of("kms.amazonaws.com", "eu-west-1") == "kms.eu-west-1.amazonaws.com"
    assert json.loads(tls_of("kms.amazonaws.com", "eu-west-1"))["clientProvidedHostHeader"].startswith("kms.")
