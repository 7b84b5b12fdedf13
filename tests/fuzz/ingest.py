"""What must hold for any bytes on the way from a stored object to rows.

What enters: bytes. It raises for the first input that ends in anything but ``ArchiveError``, loses count of a record,
is not redacted in one go, or makes the compiled path differ from the exact one.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from pipeline.archive import inflate_archive, is_strict_record, split_records
from pipeline.errors import ArchiveError, RecordError
from pipeline.flatten import (
    ArchiveRecords,
    ArchiveRef,
    Flattened,
    UnprovedError,
    delimit_archives,
    flatten_archive,
    flatten_archives,
    redact_tokens,
)
from pipeline.flatten.exact import flatten_record
from pipeline.flatten.times import latest_plausible
from pipeline.schema import EVENTS
from pipeline.settings import Caps

_ARCHIVE = ArchiveRef("file:///fuzz", "1", "0" * 64)
_CAPS = Caps(inflated_bytes=1 << 20, records=2_000)


def check_bytes(data: bytes) -> None:
    """One input: as a stored object, and as the JSON of a list of records."""
    for stored in (data, b'{"Records":[' + data + b"]}"):
        try:
            buffer = inflate_archive(stored, _CAPS)
            check_delimited(buffer)
            spans = split_records(buffer, _CAPS)
        except ArchiveError:
            continue
        flat = flatten_archive(
            buffer, spans.starts, spans.ends, is_strict=spans.strict, archive=_ARCHIVE, indexes=spans.indexes
        )
        table = pa.Table.from_batches([flat.batch]).cast(EVENTS)
        table.validate(full=True)
        if table.num_rows + len(flat.bad) != len(spans):
            raise AssertionError("a record was lost")
        _compare(buffer, spans.starts.tolist(), spans.ends.tolist(), table)
    text = data.decode("utf-8", "replace")
    if redact_tokens(redact_tokens(text)) != redact_tokens(text):
        raise AssertionError("redacting twice changes the text again")


def check_delimited(buffer: bytes) -> bool:
    """What is believed of spans that were found without proof must be what splitting proves; says whether it was."""
    flat = _flatten_delimited(buffer)
    if flat is None:
        return False
    spans = split_records(buffer, Caps())
    if spans.kind != "archive":
        return False
    proved = flatten_archive(
        buffer, spans.starts, spans.ends, is_strict=spans.strict, archive=_ARCHIVE, indexes=spans.indexes
    )
    if not spans.is_strict or spans.bad or not flat.batch.equals(proved.batch) or flat.bad != proved.bad:
        raise AssertionError("spans were believed that are not the archive's records")
    return True


def _flatten_delimited(buffer: bytes) -> Flattened | None:
    [found] = delimit_archives([buffer])
    if found is None:
        return None
    count = len(found.starts)
    strict = np.ones(count, dtype=np.bool_)
    records = ArchiveRecords(buffer, *found, np.arange(count), strict, _ARCHIVE, is_strict_record)
    try:
        return flatten_archives([records])
    except UnprovedError:
        return None


def _compare(buffer: bytes, starts: list[int], ends: list[int], table: pa.Table) -> None:
    rows = []
    for start, end in zip(starts, ends, strict=True):
        try:
            rows.append(flatten_record(buffer[start:end], key_account_id=None, latest=latest_plausible(None)))
        except RecordError:
            continue
    rows.sort(key=lambda row: (row["event_time"], row["event_id"]))
    provenance = ["archive_uri", "archive_version", "archive_sha256", "record_index"]
    fields = [field for field in EVENTS if field.name not in provenance]
    exact = pa.table({f.name: pa.array([row[f.name] for row in rows], type=f.type) for f in fields})
    if exact.to_pylist() != table.drop_columns(provenance).to_pylist():
        raise AssertionError("the two paths differ")
