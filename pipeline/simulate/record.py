"""One call as a CloudTrail record, member by member in AWS's order.

What enters: a session, a call, a time. What leaves: ``Event``, the record's JSON text with what delivery needs to know.
This module must never choose what is called.

Source: AWS "CloudTrail record contents", eventVersion 1.08 to 1.11.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

from pipeline.simulate.entropy import Entropy
from pipeline.simulate.session import Session, compact, iso

_HOSTS = {
    "iam.amazonaws.com": "iam.amazonaws.com",
    "organizations.amazonaws.com": "organizations.us-east-1.amazonaws.com",
}
_CIPHER = '"tlsVersion":"TLSv1.3","cipherSuite":"TLS_AES_128_GCM_SHA256"'


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


@dataclass(frozen=True, slots=True)
class Entry:
    """What a record says was called, beside who and when.

    ``request`` None is JSON null, as on an IAM denial; ``response`` None is JSON null and never means failure;
    ``error`` is code and message; ``account_id`` is who receives the record, the caller's account by default;
    ``shared_id`` joins copies in several accounts; ``addendum`` marks a late update.
    """

    source: str
    name: str
    region: str
    request: object = None
    response: object = None
    read_only: bool = False
    error: tuple[str, str] | None = None
    resources: list[dict[str, str]] | None = None
    additional: dict[str, Any] | None = None
    event_type: str = "AwsApiCall"
    account_id: str = ""
    shared_id: str = ""
    addendum: dict[str, Any] | None = None


def render_event(ids: Entropy, session: Session, time: float, entry: Entry) -> Event:
    """Render one call.

    Args:
        ids: source of ``requestID`` and ``eventID``.
        session: the caller.
        time: epoch seconds of the call.
        entry: what was called.

    Returns:
        The event, ready for delivery; members in AWS's order.
    """
    event_id = ids.uuid()
    record: dict[str, Any] = {
        "eventVersion": session.version,
        "userIdentity": session.identity,
        "eventTime": iso(time),
        "eventSource": entry.source,
        "eventName": entry.name,
        "awsRegion": entry.region,
        "sourceIPAddress": session.address,
        "userAgent": session.agent,
    }
    if entry.error:
        record["errorCode"], record["errorMessage"] = entry.error
    record |= {"requestParameters": entry.request, "responseElements": entry.response}
    if entry.additional:
        record["additionalEventData"] = entry.additional
    record |= {"requestID": ids.uuid(), "eventID": event_id, "readOnly": entry.read_only}
    if entry.resources:
        record["resources"] = entry.resources
    recipient = entry.account_id or session.account_id
    record |= {"eventType": entry.event_type, "managementEvent": True, "recipientAccountId": recipient}
    return Event(time, event_id, recipient, entry.region, compact(record | _ending(session, entry)))


def _ending(session: Session, entry: Entry) -> dict[str, Any]:
    ending: dict[str, Any] = {}
    if entry.shared_id:
        ending["sharedEventID"] = entry.shared_id
    if entry.addendum:
        ending["addendum"] = entry.addendum
    ending["eventCategory"] = "Management"
    if session.has_tls and entry.event_type == "AwsApiCall":
        ending["tlsDetails"] = {
            "tlsVersion": "TLSv1.3",
            "cipherSuite": "TLS_AES_128_GCM_SHA256",
            "clientProvidedHostHeader": host_of(entry.source, entry.region),
        }
    if session.is_console and entry.event_type == "AwsApiCall":
        ending["sessionCredentialFromConsole"] = "true"
    return ending
