"""Which member of a record goes to which column, and as what: tables made from schema.py.

What enters: ``EVENTS``. What leaves: ``RECORD_COLUMNS``, ``IDENTITY_COLUMNS``, ``FREE_FORM_COLUMNS``.
This module must never read a record. A member that is in none of these tables goes to ``unknown_members``.
"""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa

from pipeline.schema import EVENTS

_FREE_FORM = (
    "user_identity",
    "request_parameters",
    "response_elements",
    "additional_event_data",
    "service_event_details",
    "resources",
    "addendum",
    "tls_details",
    "edge_device_details",
    "insight_details",
    "event_context",
)
_JSON_IDENTITY = ("user_identity_invoked_by_delegate", "user_identity_in_scope_of", "web_id_attributes")


@dataclass(frozen=True, slots=True)
class MemberColumn:
    """One column filled from one member.

    Attributes:
        column: name in EVENTS.
        path: keys from the record (or, in an identity, from ``userIdentity``) down to the value.
        kind: ``text``, ``bool``, ``time`` or ``json`` (the raw text of the value).
    """

    column: str
    path: tuple[str, ...]
    kind: str


def _kind(field: pa.Field) -> str:
    if field.name in _FREE_FORM or field.name in _JSON_IDENTITY:
        return "json"
    if pa.types.is_boolean(field.type):
        return "bool"
    return "time" if pa.types.is_timestamp(field.type) else "text"


def _member_columns() -> list[MemberColumn]:
    columns = []
    for field in EVENTS:
        member = (field.metadata or {}).get(b"member", b"").decode()
        if member:
            columns.append(MemberColumn(field.name, tuple(member.split(".")), _kind(field)))
    return columns


_ALL = _member_columns()
_SPECIAL = ("event_time", "event_id", "recipient_account_id")  # have rules of their own: required, or a fallback

FREE_FORM_COLUMNS = [item for item in _ALL if item.column in _FREE_FORM]
"""Members kept as lossless JSON text."""

RECORD_COLUMNS = [
    item for item in _ALL if len(item.path) == 1 and item.column not in _FREE_FORM and item.column not in _SPECIAL
]
"""Scalar members of the record itself."""

IDENTITY_COLUMNS = [
    MemberColumn(item.column, item.path[1:], item.kind)
    for item in _ALL
    if len(item.path) > 1 and item.path[0] == "userIdentity"
]
"""Scalars within ``userIdentity``; an empty one is null."""

KNOWN_MEMBERS = frozenset(item.path[0] for item in _ALL)
"""Every member of a record that has a column."""
