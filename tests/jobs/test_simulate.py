"""The simulate job: files in a folder, and what it says about them."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from pipeline.errors import UsageError
from pipeline.jobs.ingest import ingest_sources
from pipeline.jobs.simulate import DEMO_SCENARIOS, simulate_archives
from pipeline.settings import load_settings
from pipeline.simulate import SCENARIOS


def _files(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}


def test_the_demo_corpus_is_written_counted_and_labelled(tmp_path: Path) -> None:
    """At least eight attacks of every kind; the report's counts are those of the files; twice gives the same bytes."""
    report = simulate_archives(tmp_path / "a", events=6_000, days=14, seed=3, scenarios=["demo"])
    files = _files(tmp_path / "a")
    archives = {name: data for name, data in files.items() if name.endswith(".json.gz")}
    assert set(files) - set(archives) == {"labels.json"}
    records = [record for data in archives.values() for record in json.loads(gzip.decompress(data))["Records"]]
    assert (report.archive_count, report.record_count) == (len(archives), len(records))
    assert report.record_count == report.event_count + report.duplicate_count
    assert report.stored_bytes == sum(map(len, archives.values()))
    assert report.inflated_bytes == sum(len(gzip.decompress(data)) for data in archives.values())
    labels = json.loads(report.labels_file.read_text())["instances"]
    assert [item["scenario"] for item in labels] == list(DEMO_SCENARIOS)
    assert sum(not item["is_quiet"] for item in labels) >= 8
    assert {item["family"] for item in labels} == {"escalation", "unauthorized", "misuse", "evasion", "quiet"}
    simulate_archives(tmp_path / "b", events=6_000, days=14, seed=3, scenarios=["demo"])
    assert _files(tmp_path / "b") == files


def test_demo_scenarios_exist() -> None:
    """The preset names scenarios of the catalogue."""
    assert set(DEMO_SCENARIOS) <= set(SCENARIOS)


def test_a_corpus_is_never_overwritten(tmp_path: Path) -> None:
    """A folder that holds something is refused, and what it holds stays."""
    kept = tmp_path / "mine.txt"
    kept.write_text("mine")
    with pytest.raises(UsageError, match="is not empty"):
        simulate_archives(tmp_path, events=100, days=1, seed=1)
    assert list(tmp_path.iterdir()) == [kept]


def test_a_place_that_is_no_folder_is_refused(tmp_path: Path) -> None:
    """A file in the way is a wrong use, told in a sentence."""
    file = tmp_path / "file"
    file.write_text("")
    with pytest.raises(UsageError, match="cannot write to"):
        simulate_archives(file / "below", events=100, days=1, seed=1)


def test_wrong_options_write_nothing(tmp_path: Path) -> None:
    """The options are checked before the folder is touched."""
    with pytest.raises(UsageError, match="no scenario"):
        simulate_archives(tmp_path / "out", events=100, days=14, seed=1, scenarios=["nonsense"])
    assert not (tmp_path / "out").exists()


def test_what_simulate_wrote_can_be_ingested_whole(tmp_path: Path) -> None:
    """The labels beside the archives are skipped and counted, and quarantine nothing."""
    simulate_archives(tmp_path / "out", events=2_000, days=7, seed=3)
    report = ingest_sources([str(tmp_path / "out")], str(tmp_path / "lake"), load_settings())
    assert (report.archives["skipped"], report.archives["quarantined"], report.archives["failed"]) == (1, 0, 0)
