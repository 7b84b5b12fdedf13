"""Read single records again from their archives, and prove that they are the ones that were ingested.

What enters: provenance of events (archive_uri, archive_version, record_index, record_sha256) and the ledger's rows.
What leaves: raw JSON text with tokens redacted, or the reason why it cannot be shown. This job must never show text
whose hash differs from the one in the lake.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from pipeline.archive import inflate_archive, split_records
from pipeline.errors import PipelineError
from pipeline.flatten import redact_tokens
from pipeline.settings import Settings
from pipeline.source import ListedObject, open_source, parse_key


@dataclass(frozen=True, slots=True)
class RawRecord:
    """One record as its archive holds it.

    Attributes:
        event_id: the event.
        text: its JSON, tokens redacted; ``None`` where it could not be read or proved.
        problem: why there is no text; ``""`` where there is.
    """

    event_id: str
    text: str | None
    problem: str = ""


def read_raw_records(
    events: Iterable[Mapping[str, Any]], ledger: Iterable[Mapping[str, Any]], settings: Settings
) -> list[RawRecord]:
    """Read the raw records of some events; each archive is fetched once.

    Args:
        events: rows with event_id, archive_uri, archive_version, record_index, record_sha256.
        ledger: rows of ``archives`` for those archives.
        settings: how to reach S3, and the caps on an archive.

    Returns:
        One entry per event, in the order given.
    """
    wanted = list(events)
    sources = {(row["archive_uri"], row["archive_version"]): row for row in ledger}
    held: dict[tuple[str, str], tuple[bytes, Any] | str] = {}
    out = []
    for event in wanted:
        place = (event["archive_uri"], event["archive_version"])
        if place not in held:
            held[place] = _read_archive(sources.get(place), settings)
        out.append(_cut_record(event, held[place]))
    return out


def _read_archive(row: Mapping[str, Any] | None, settings: Settings) -> tuple[bytes, Any] | str:
    if row is None:
        return "the ledger has no row for its archive"
    try:
        source = open_source(row["source_uri"], settings.s3)
        data = source.fetch_object(listed_from_row(row))
        if row["archive_sha256"] and hashlib.sha256(data).hexdigest() != row["archive_sha256"]:
            return "the archive was changed since it was read: its SHA-256 is another"
        buffer = inflate_archive(data, settings.caps)
        return buffer, split_records(buffer, settings.caps)
    except PipelineError as error:
        return str(error)


def listed_from_row(row: Mapping[str, Any]) -> ListedObject:
    """Return the object that a ledger row tells of, as its source listed it."""
    uri = str(row["archive_uri"])
    is_remote = uri.startswith("s3://")
    bucket, _, object_key = uri.removeprefix("s3://").partition("/") if is_remote else ("", "", "")
    return ListedObject(
        uri=uri,
        key=row["archive_key"],
        version=row["archive_version"],
        size=row["stored_bytes"],
        modified_at=row["delivered_at"],
        source_uri=row["source_uri"],
        archive_key=parse_key(object_key or row["archive_key"]),
        bucket=bucket,
        object_key=object_key,
    )


def _cut_record(event: Mapping[str, Any], held: tuple[bytes, Any] | str) -> RawRecord:
    if isinstance(held, str):
        return RawRecord(event["event_id"], None, held)
    buffer, spans = held
    rows = np.flatnonzero(spans.indexes == event["record_index"])
    if len(rows) == 0:
        return RawRecord(event["event_id"], None, f"its archive has no record {event['record_index']}")
    raw = buffer[int(spans.starts[rows[0]]) : int(spans.ends[rows[0]])]
    if hashlib.sha256(raw).hexdigest() != event["record_sha256"]:
        return RawRecord(event["event_id"], None, "the record's SHA-256 is not the one in the lake")
    return RawRecord(event["event_id"], redact_tokens(raw.decode("utf-8", "replace")))
