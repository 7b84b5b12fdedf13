import json
import os
import subprocess
import sys
from datetime import UTC, date, datetime
from pathlib import Path

import pyarrow as pa
import pytest

from pipeline.archive import split_records
from pipeline.flatten import ArchiveRecords, ArchiveRef, Flattened, flatten_archives
from pipeline.flatten.batch import BatchMaker
from pipeline.flatten.compiled_path import RowFiller
from pipeline.schema import EVENTS
from pipeline.settings import Caps
from tests.archive.hostile import document, text

_ROOT = Path(__file__).resolve().parents[2]


def _archive(name: str, *records: bytes, delivered_at: datetime | None = None) -> ArchiveRecords:
    buffer = document(*records)
    spans = split_records(buffer, Caps())
    ref = ArchiveRef(f"s3://b/{name}", "1", "0" * 64, "111122223333", delivered_at)
    return ArchiveRecords(buffer, spans.starts, spans.ends, spans.indexes, spans.strict, ref)


def _flatten(*archives: ArchiveRecords) -> Flattened:
    flat = flatten_archives(archives)
    pa.Table.from_batches([flat.batch]).cast(EVENTS).validate(full=True)
    return flat


def test_many_archives_become_one_sorted_batch() -> None:
    """Rows are ordered by time, then event id; each archive's part is told apart."""
    flat = _flatten(_archive("a", text(5), text(1)), _archive("b"), _archive("c", text(1), b'{"a":1}', text(3)))
    rows = flat.batch.select(["event_time", "event_id", "archive_uri", "record_index"]).to_pylist()
    assert [(row["archive_uri"][-1], row["record_index"]) for row in rows] == [("a", 1), ("c", 0), ("c", 2), ("a", 0)]
    assert rows == sorted(rows, key=lambda row: (row["event_time"], row["event_id"]))
    assert [(part.kept_count, len(part.bad), part.event_dates) for part in flat.archives] == [
        (2, 0, (date(2024, 5, 1),)),
        (0, 0, ()),
        (2, 1, (date(2024, 5, 1),)),
    ]
    assert flat.archives[2].first_event_time == datetime(2024, 5, 1, 10, 0, 1, tzinfo=UTC)
    assert flat.archives[2].last_event_time == datetime(2024, 5, 1, 10, 0, 3, tzinfo=UTC)


def test_no_archives_and_empty_archives_give_an_empty_batch() -> None:
    """The schema is whole without a row."""
    for archives in ([], [_archive("a")]):
        flat = _flatten(*archives)
        assert (flat.batch.num_rows, flat.batch.schema.names) == (0, EVENTS.names)


def test_ties_are_broken_by_the_whole_event_id() -> None:
    """Ids that share their first bytes, and a thousand records of one second."""
    records = [text(0, eventID=f"same-first-bytes-{number:04d}") for number in range(1000)]
    flat = _flatten(_archive("a", *records[::-1]))
    assert flat.batch["event_id"].to_pylist() == [f"same-first-bytes-{number:04d}" for number in range(1000)]


def test_many_distinct_values_and_kinds_of_event_fit() -> None:
    """Tables that grow while they are used lose nothing: 6,000 event names, agents and identities."""
    records = [
        text(
            0,
            eventName=f"Name{number}",
            userAgent=f"agent-{number}",
            userIdentity={"type": "IAMUser", "userName": f"u{number}"},
        )
        for number in range(6000)
    ]
    rows = _flatten(_archive("a", *records)).batch.to_pylist()
    found = sorted((row["event_name"], row["user_agent"], row["user_identity_user_name"]) for row in rows)
    assert found == sorted((f"Name{number}", f"agent-{number}", f"u{number}") for number in range(6000))


def test_ordinary_records_take_the_compiled_path() -> None:
    """Tokens, lists, escapes and unusual white space included: only what is odd may cost more."""
    token = {"credentials": {"sessionToken": "FwoGZX", "accessKeyId": "ASIA"}}
    launched = {"instancesSet": {"items": [{"instanceId": "i-1"}]}}
    records = [
        text(0),
        text(1, eventSource="sts.amazonaws.com", eventName="AssumeRole", responseElements=token),
        text(2, eventSource="ec2.amazonaws.com", eventName="RunInstances", responseElements=launched),
        text(3, requestParameters={"policyDocument": '{"a":\n"\u00e9"}', "nextToken": "x"}),
        json.dumps(json.loads(text(4)), indent=1).encode(),
    ]  # fmt: skip
    archives = [_archive("a", *records)]
    filler = RowFiller(archives)
    filler.fill()
    assert filler.exact == {}
    responses = BatchMaker(filler, archives).make()["response_elements"].to_pylist()
    assert responses[1] == '{"credentials": {"sessionToken": "***REDACTED***", "accessKeyId": "ASIA"}}'.replace(
        ": ", ":"
    ).replace(", ", ",")


def test_the_room_loads_without_compiled_code() -> None:
    """Workers that only redact pay for no compiler."""
    code = "import sys, pipeline.flatten; print('numba' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=_ROOT, check=True)
    assert done.stdout.strip() == "False"


@pytest.mark.soak
def test_it_works_where_nothing_can_be_written(tmp_path: Path) -> None:
    """A read-only installation without a home folder compiles in memory."""
    code = (
        "from pipeline.flatten import kept_file\n"
        "kept_file._folders = lambda: iter(())\n"
        "from tests.flatten.test_flatten import _archive, _flatten, text\n"
        "print(_flatten(_archive('a', text(0))).batch.num_rows)"
    )
    environment = {**os.environ, "HOME": str(tmp_path / "absent")}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=_ROOT, env=environment, check=True
    )
    assert done.stdout.strip() == "1"
