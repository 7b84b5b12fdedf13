"""One call as a CloudTrail record, member by member in AWS's order.

What enters: a session, a call, a time. What leaves: ``Event``, the record's JSON text with what delivery needs to know.
This module must never choose what is called.

Source: AWS "CloudTrail record contents", eventVersion 1.08 to 1.11.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from pipeline.simulate.entropy import Entropy
from pipeline.simulate.session import Session, compact, iso

_HOSTS = {
    "iam.amazonaws.com": "iam.amazonaws.com",
    "organizations.amazonaws.com": "organizations.us-east-1.amazonaws.com",
}
_CIPHER = '"tlsVersion":"TLSv1.3","cipherSuite":"TLS_AES_128_GCM_SHA256"'
_CONSOLE_AGENT = "AWS Internal"


class Event(NamedTuple):
    """A record on its way to an archive; sorts by time, then id."""

    time: float
    event_id: str
    account_id: str
    region: str
    text: str


def host_of(source: str, region: str) -> str:
    """Return the endpoint that a client names for a service."""
    return _HOSTS.get(source, f"{source.split('.')[0]}.{region}.amazonaws.com")


def tls_of(source: str, region: str) -> str:
    """Return the ``tlsDetails`` member's value."""
    return f'{{{_CIPHER},"clientProvidedHostHeader":"{host_of(source, region)}"}}'


def render_event(
    ids: Entropy,
    session: Session,
    time: float,
    source: str,
    name: str,
    region: str,
    *,
    request: object = None,
    response: object = None,
    read_only: bool = False,
    error: tuple[str, str] | None = None,
    resources: list[dict[str, str]] | None = None,
    additional: dict[str, Any] | None = None,
    event_type: str = "AwsApiCall",
    account_id: str = "",
    shared_id: str = "",
    addendum: dict[str, Any] | None = None,
) -> Event:
    """Render one call.

    Args:
        ids: source of ``requestID`` and ``eventID``.
        session: the caller.
        time: epoch seconds of the call.
        source: ``eventSource``.
        name: ``eventName``.
        region: ``awsRegion``.
        request: ``requestParameters``; None is JSON null, as on an IAM denial.
        response: ``responseElements``; None is JSON null and never means failure.
        read_only: ``readOnly``.
        error: ``errorCode`` and ``errorMessage`` of a failed call.
        resources: the ``resources`` member.
        additional: ``additionalEventData``.
        event_type: ``eventType``.
        account_id: who receives the record; the caller's account by default.
        shared_id: ``sharedEventID`` of a copy delivered to several accounts.
        addendum: the ``addendum`` member of a late update.

    Returns:
        The event, ready for delivery.
    """
    recipient = account_id or session.account_id
    event_id = ids.uuid()
    record: dict[str, Any] = {
        "eventVersion": session.version,
        "userIdentity": session.identity,
        "eventTime": iso(time),
        "eventSource": source,
        "eventName": name,
        "awsRegion": region,
        "sourceIPAddress": session.address,
        "userAgent": session.agent,
    }
    if error:
        record["errorCode"], record["errorMessage"] = error
    record |= {"requestParameters": request, "responseElements": response}
    if additional:
        record["additionalEventData"] = additional
    record |= {"requestID": ids.uuid(), "eventID": event_id, "readOnly": read_only}
    if resources:
        record["resources"] = resources
    record |= {"eventType": event_type, "managementEvent": True, "recipientAccountId": recipient}
    if shared_id:
        record["sharedEventID"] = shared_id
    if addendum:
        record["addendum"] = addendum
    record["eventCategory"] = "Management"
    if session.has_tls and event_type == "AwsApiCall":
        record["tlsDetails"] = {
            "tlsVersion": "TLSv1.3",
            "cipherSuite": "TLS_AES_128_GCM_SHA256",
            "clientProvidedHostHeader": host_of(source, region),
        }
    if session.is_console and event_type == "AwsApiCall":
        record["sessionCredentialFromConsole"] = "true"
    return Event(time, event_id, recipient, region, compact(record))
