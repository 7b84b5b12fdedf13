from datetime import UTC, datetime

import pytest

from pipeline.archive import inflate_archive, split_records
from pipeline.errors import ArchiveError
from pipeline.flatten import ArchiveRef, flatten_archive
from pipeline.settings import Caps
from tests.archive.hostile import HOSTILE_CASES, Expected

_ARCHIVE = ArchiveRef("file:///a.json.gz", "v1", "0" * 64, "999988887777", datetime(2024, 5, 2, tzinfo=UTC))


def _judge(stored: bytes) -> Expected:
    """What becomes of one object, from bytes to rows."""
    try:
        buffer = inflate_archive(stored, Caps())
        spans = split_records(buffer, Caps())
    except ArchiveError as error:
        return Expected(reason=error.reason)
    if spans.kind != "archive":
        return Expected(kind=spans.kind)
    flat = flatten_archive(
        buffer, spans.starts, spans.ends, is_strict=spans.strict, archive=_ARCHIVE, indexes=spans.indexes
    )
    rows = flat.batch.select(["record_index", "parse_flags"]).to_pylist()
    bad = [(span.record_index, span.reason) for span in spans.bad]
    bad += [(record.record_index, record.reason) for record in flat.bad]
    assert spans.read_count == len(rows) + sum(index is not None for index, _ in bad)
    return Expected(
        kept=tuple(sorted(row["record_index"] for row in rows)),
        bad=tuple(bad),
        flags={row["record_index"]: row["parse_flags"] for row in rows if row["parse_flags"]},
    )


@pytest.mark.parametrize(
    ("stored", "expected"), [case[1:] for case in HOSTILE_CASES], ids=[c[0] for c in HOSTILE_CASES]
)
def test_each_hostile_object_gets_its_verdict(stored: bytes, expected: Expected) -> None:
    """Broken archives raise with their reason; a poison record costs only itself; other logs are told apart."""
    assert _judge(stored) == expected
