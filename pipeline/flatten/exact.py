"""The exact path: one record to one row, by a reader that keeps everything. The compiled path must equal it.

What enters: a record's raw bytes. What leaves: a row of EVENTS as a dict, or ``RecordError``. This module must
never drop or round a value: what has no column goes to ``unknown_members``, what is odd gets a flag.

Source: AWS CloudTrail user guide, "CloudTrail record contents" and "CloudTrail userIdentity element", 1.0 to 1.11.
"""

from __future__ import annotations

import hashlib
from typing import Any

from pipeline.errors import RecordError
from pipeline.flatten.denials import DENIAL_CODES, denied_columns
from pipeline.flatten.json_tree import MalformedError, TooDeepError, TreeReader, Value, decode_string, has_duplicates
from pipeline.flatten.members import (
    FREE_FORM_COLUMNS,
    IDENTITY_COLUMNS,
    KNOWN_MEMBERS,
    RECORD_COLUMNS,
    MemberColumn,
)
from pipeline.flatten.promotions import rules_for
from pipeline.flatten.redaction import redact_tokens
from pipeline.flatten.session_ids import Caller, name_session
from pipeline.flatten.times import EARLIEST_PLAUSIBLE, MICROSECONDS, parse_time
from pipeline.schema import EVENTS

Row = dict[str, Any]

SECONDS_PER_DAY = 86_400
_EMPTY_ROW: Row = dict.fromkeys(EVENTS.names)
_BASES = {"req": "requestParameters", "res": "responseElements", "add": "additionalEventData"}
_BOOLEANS = {"true": True, "false": False, "yes": True, "no": False}


def flatten_record(raw: bytes, *, key_account_id: str | None, latest: int) -> Row:
    """Flatten one record.

    Args:
        raw: the record's bytes as they stand in the archive.
        key_account_id: account by the archive's key; used where the record names none.
        latest: latest plausible event time, in microseconds since 1970.

    Returns:
        A row of EVENTS without the archive's own columns; times as microseconds, event_date as days since 1970.

    Raises:
        RecordError: ``malformed_json``, ``too_deep``, ``not_object``, ``no_event_time``, ``bad_event_time``
            or ``absurd_event_date``.
    """
    return _RecordReader(raw, latest).read(key_account_id)


class _RecordReader:
    """One record being read: its text, its tree, the row that grows and the flags."""

    def __init__(self, raw: bytes, latest: int) -> None:
        self._raw = raw
        self._latest = latest
        self._flags: set[str] = set()
        self._row: Row = dict(_EMPTY_ROW)
        try:
            self._text = raw.decode()
        except UnicodeDecodeError:
            self._text = raw.decode("utf-8", "replace")
            self._flags.add("invalid_utf8")
        reader = TreeReader(self._text)
        try:
            self._root = reader.read()
        except MalformedError as error:
            raise RecordError("malformed_json", f"the record is no JSON: {error}") from error
        except TooDeepError as error:
            raise RecordError("too_deep", f"the record is {error}") from error
        if self._root.kind != "object":
            raise RecordError("not_object", f"the record is no JSON object but {self._root.kind}")
        self._flags |= reader.flags
        if has_duplicates(self._root):
            self._flags.add("duplicate_member")

    def read(self, key_account_id: str | None) -> Row:
        """The whole row."""
        row = self._row
        self._read_time()
        for item in RECORD_COLUMNS:
            row[item.column] = self._scalar(self._root.member(item.path[0]), item)
        for item in FREE_FORM_COLUMNS:
            row[item.column] = self._json(self._root.member(item.path[0]))
        self._read_identity()
        self._read_promoted()
        row["unknown_members"] = self._unknown_members()
        row["record_sha256"] = hashlib.sha256(self._raw).hexdigest()
        self._read_keys(key_account_id)
        row["session_id"] = name_session(Caller(**{name: row[name] for name in Caller._fields}), row["shared_event_id"])
        row["parse_flags"] = sorted(self._flags)
        if self._flags:
            row["raw_record"] = redact_tokens(self._text)
        return row

    def _read_time(self) -> None:
        value = self._root.member("eventTime")
        if value is None or self._slice(value) == "null":
            raise RecordError("no_event_time", "the record has no eventTime")
        moment = parse_time(decode_string(self._slice(value))) if value.kind == "string" else None
        if moment is None:
            raise RecordError("bad_event_time", f"eventTime is no instant: {self._slice(value)[:60]}")
        if not EARLIEST_PLAUSIBLE <= moment <= self._latest:
            raise RecordError("absurd_event_date", f"eventTime {self._slice(value)[:60]} cannot be")
        self._row["event_time"] = moment
        self._row["event_date"] = moment // (SECONDS_PER_DAY * MICROSECONDS)

    def _read_keys(self, key_account_id: str | None) -> None:
        """What identifies the event: its id and account, with their fallbacks."""
        row = self._row
        row["event_id"] = self._text_of(self._root.member("eventID"))
        if row["event_id"] is None:
            row["event_id"] = f"sha256:{row['record_sha256']}"
            self._flags.add("missing_event_id")
        row["recipient_account_id"] = self._text_of(self._root.member("recipientAccountId"))
        if row["recipient_account_id"] is None:
            row["recipient_account_id"] = key_account_id or row["user_identity_account_id"] or ""
            self._flags.add("missing_account")

    def _read_identity(self) -> None:
        identity = self._root.member("userIdentity")
        if identity is None or self._slice(identity) == "null":
            return
        if identity.kind != "object":
            self._flags.add("unexpected_type")
            return
        for item in IDENTITY_COLUMNS:
            value: Value | None = identity
            for key in item.path:
                value = value.member(key) if value is not None else None
            self._row[item.column] = self._scalar(value, item)

    def _read_promoted(self) -> None:
        row = self._row
        parameters = self._root.member("requestParameters")
        found = {
            column: self._promoted(paths) for column, paths in rules_for(row["event_source"], row["event_name"]).items()
        }
        row["is_denied"] = row["error_code"] in DENIAL_CODES
        if row["is_denied"] and row["error_message"]:
            for column, value in denied_columns(row["event_source"], row["error_message"]).items():
                found[column] = found.get(column) or value
        provider, subject = found.pop("federated_provider", None), found.pop("federated_name", None)
        if subject:
            found["federated_subject"] = f"{provider or ''}|{subject}"
        for column in ("is_set_as_default", "is_mfa_used_at_login"):
            text = found.get(column)
            found[column] = None if text is None else _BOOLEANS.get(text.lower())  # type: ignore[assignment]
        expiration = found.get("issued_expiration_at")
        found["issued_expiration_at"] = None if expiration is None else parse_time(expiration)  # type: ignore[assignment]
        row.update(found)
        omitted = parameters.member("omitted") if parameters is not None else None
        row["is_request_omitted"] = omitted is not None and self._slice(omitted) in ("true", '"true"')

    def _promoted(self, paths: tuple[str, ...]) -> str | None:
        """The first of ``paths`` that holds a value, as text."""
        for path in paths:
            base, *steps = path.split(".")
            values = self._walk(self._root.member(_BASES[base]), steps)
            texts = [text for text in map(self._promoted_text, values) if text is not None]
            if texts:
                return ",".join(texts)
        return None

    def _walk(self, value: Value | None, steps: list[str]) -> list[Value]:
        values = [] if value is None else [value]
        for step in steps:
            key, _, many = step.partition("[")
            children = [value.member(key) for value in values]
            values = [child for child in children if child is not None]
            if many:
                values = [item for value in values for item in value.items]
        return values

    def _promoted_text(self, value: Value) -> str | None:
        text = self._slice(value)
        if value.kind == "string":
            return redact_tokens(decode_string(text)) or None
        return None if text == "null" else redact_tokens(text)

    def _unknown_members(self) -> str | None:
        """A JSON object of the members that have no column, as they stand."""
        parts = [
            self._text[key_start : value.end]
            for key, key_start, value in self._root.members
            if key not in KNOWN_MEMBERS
        ]
        return redact_tokens("{" + ",".join(parts) + "}") if parts else None

    def _scalar(self, value: Value | None, item: MemberColumn) -> Any:
        if item.kind == "json":
            return self._json(value)
        text = self._text_of(value)
        if text is None or item.kind == "text":
            return text
        converted = parse_time(text) if item.kind == "time" else _BOOLEANS.get(text.lower())
        if converted is None:
            self._flags.add("unexpected_type")
        return converted

    def _text_of(self, value: Value | None) -> str | None:
        """A scalar as text; ``null`` and ``""`` are absent, another type than text keeps its raw form and a flag."""
        if value is None:
            return None
        text = self._slice(value)
        if value.kind == "string":
            return redact_tokens(decode_string(text)) or None
        if text in ("null", "true", "false"):
            return None if text == "null" else text
        self._flags.add("unexpected_type")
        return redact_tokens(text)

    def _json(self, value: Value | None) -> str | None:
        if value is None:
            return None
        text = self._slice(value)
        return None if text == "null" else redact_tokens(text)

    def _slice(self, value: Value) -> str:
        return self._text[value.start : value.end]
