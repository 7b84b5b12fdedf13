import json
from pathlib import Path

import pytest

from pipeline.archive import inflate_archive, split_records
from pipeline.flatten import ArchiveRecords, ArchiveRef, flatten_archives
from pipeline.settings import Caps

_DATA = Path(__file__).resolve().parents[2] / "../shared/data"
_SETS = ["stratus-red-team", "traildiscover", "opensearch-catalog", "invictus-aws_dataset"]

pytestmark = pytest.mark.skipif(not (_DATA / "expected.json").is_file(), reason="../shared/data is absent")


@pytest.mark.parametrize("name", _SETS)
def test_real_archives_give_every_record_and_no_flag(name: str) -> None:
    """Counts, times and calls are those counted independently in expected.json."""
    expected = json.loads((_DATA / "expected.json").read_text())[name]
    archives = []
    for path in sorted((_DATA / "bucket" / name).rglob("*.json.gz")):
        buffer = inflate_archive(path.read_bytes(), Caps())
        spans = split_records(buffer, Caps())
        assert (spans.kind, spans.bad) == ("archive", [])
        archives.append(
            ArchiveRecords(
                buffer, spans.starts, spans.ends, spans.indexes, spans.strict, ArchiveRef(path.name, "1", "0" * 64)
            )
        )
    flat = flatten_archives(archives)
    rows = flat.batch.select(
        ["event_id", "recipient_account_id", "event_time", "event_name", "parse_flags"]
    ).to_pylist()
    calls: dict[str, int] = {}
    for row in {(row["recipient_account_id"], row["event_id"]): row for row in rows}.values():
        if row["event_name"] in expected["iam_and_sts"]:  # counted there by name, whatever the service
            calls[row["event_name"]] = calls.get(row["event_name"], 0) + 1
    assert {
        "archives": len(archives),
        "records": sum(archive.kept_count for archive in flat.archives),
        "distinct_events": len({(row["recipient_account_id"], row["event_id"]) for row in rows}),
        "first_event_time": f"{rows[0]['event_time']:%Y-%m-%dT%H:%M:%SZ}",
        "last_event_time": f"{rows[-1]['event_time']:%Y-%m-%dT%H:%M:%SZ}",
        "iam_and_sts": calls,
    } == {key: expected[key] for key in expected if key not in ("licence", "commit")}
    assert [row["parse_flags"] for row in rows] == [[]] * len(rows)
    assert flat.bad == []
