"""The main job as a user meets it: archives in, report out, and what the exit code says."""

from __future__ import annotations

import csv
import gzip
import json
import threading
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from pipeline.jobs.explain import explain_subject
from pipeline.jobs.progress import Silent
from pipeline.jobs.run import RunOutcome, RunRequest, report_only, run_once, watch_sources
from pipeline.jobs.simulate import simulate_archives
from pipeline.settings import DetectionSettings, Settings

FILES = ("findings.json", "report.html", "run.json", "scores.csv", "timeline.csv")
VOLATILE = ("started_at", "finished_at", "timings_seconds", "peak_rss_bytes")


@pytest.fixture(scope="module")
def archives(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two weeks of an organisation, with one grant of everything to one's own role and one denied put."""
    root = tmp_path_factory.mktemp("corpus")
    simulate_archives(root / "corpus", events=4_000, days=14, seed=11, scenarios=["own_role_to_admin", "denied_put"])
    return root / "corpus" / "AWSLogs"


@pytest.fixture(scope="module")
def first(archives: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[RunRequest, RunOutcome]:
    """The first run over that corpus."""
    root = tmp_path_factory.mktemp("first")
    request = RunRequest(sources=(str(archives),), lake=str(root / "lake"), out=root / "report", fail_on="high")
    return request, run_once(request, Settings())


def read_json(folder: Path, name: str) -> Any:
    """Read one JSON file of a report."""
    return json.loads((folder / name).read_bytes())


def test_report_folder_holds_what_was_planted(first: tuple[RunRequest, RunOutcome], archives: Path) -> None:
    """The files are there; the planted grant is the top finding with its evidence; the denied put stays denied."""
    request, outcome = first
    assert tuple(sorted(path.name for path in request.out.iterdir())) == FILES
    labels = {item["scenario"]: item for item in read_json(archives.parent, "labels.json")["instances"]}
    top = read_json(request.out, "findings.json")["findings"][0]
    assert (top["class"], top["severity"]) == ("privilege_escalation", "critical")
    evidence = {item["event_id"] for item in top["evidence"]}
    assert set(labels["own_role_to_admin"]["grant_event_ids"]) <= evidence
    assert {name.split(".")[0] for name in top["remediation"]} == {top["finding_id"]}
    assert "contain" in {name.split(".")[1] for name in top["remediation"]}
    page = (request.out / "report.html").read_text()
    assert "aws iam put-role-policy" in page
    with (request.out / "timeline.csv").open(newline="") as file:
        rows = {row["event_id"]: row for row in csv.DictReader(file)}
    denied = labels["denied_put"]["grant_event_ids"]
    assert [rows[event_id]["is_denied"] for event_id in denied] == ["true"] * len(denied)
    assert outcome.exit_code == 4


def test_run_json_adds_up(first: tuple[RunRequest, RunOutcome]) -> None:
    """Counts of archives and records are conserved, and the statement says what was looked at."""
    run = read_json(first[0].out, "run.json")
    archives, records = run["archives"], run["records"]
    assert archives["listed"] == sum(count for name, count in archives.items() if name != "listed")
    assert records["read"] == records["kept"] + records["quarantined"]
    assert records["kept"] == records["distinct"] + records["duplicates"]
    assert records["read"] > 4_000
    assert "us-east-1 was read" in run["coverage"]["statement"]


def test_second_run_reads_nothing_and_says_the_same(first: tuple[RunRequest, RunOutcome], tmp_path: Path) -> None:
    """Nothing is read again, no finding is new, and the report is byte for byte the same."""
    request, _ = first
    again = run_once(RunRequest(request.sources, request.lake, tmp_path / "again", fail_on="high"), Settings())
    assert again.exit_code == 0
    assert again.report.fresh == frozenset()
    assert again.ingest is not None
    assert again.ingest.records["read"] == 0
    assert again.ingest.archives["unchanged"] == again.ingest.archives["listed"]
    for name in ("findings.json", "scores.csv", "timeline.csv"):
        assert (tmp_path / "again" / name).read_bytes() == (request.out / name).read_bytes()
    counted = run_once(
        RunRequest(request.sources, request.lake, tmp_path / "all", fail_on="high", count_all=True), Settings()
    )
    assert counted.exit_code == 4


def test_same_input_same_bytes(first: tuple[RunRequest, RunOutcome], archives: Path, tmp_path: Path) -> None:
    """A new lake over the same archives gives the same files, run.json's times and memory aside."""
    request, _ = first
    run_once(RunRequest((str(archives),), str(tmp_path / "lake"), tmp_path / "report"), Settings())
    for name in FILES:
        if name != "run.json":
            assert (tmp_path / "report" / name).read_bytes() == (request.out / name).read_bytes(), name
    old, new = read_json(request.out, "run.json"), read_json(tmp_path / "report", "run.json")
    assert {key: old[key] for key in old if key not in VOLATILE} == {
        key: new[key] for key in new if key not in VOLATILE
    }


def test_acknowledged_findings_do_not_fail(
    archives: Path, first: tuple[RunRequest, RunOutcome], tmp_path: Path
) -> None:
    """A finding whose id is acknowledged no longer ends a run with 4."""
    known = tmp_path / "known.txt"
    ids = [item.finding_id for item in first[1].report.findings]
    known.write_text("# reviewed\n" + "\n".join(f"{name}  # fine" for name in ids))
    settings = Settings(detection=DetectionSettings(acknowledged_file=str(known)))
    outcome = run_once(RunRequest((str(archives),), str(tmp_path / "lake"), tmp_path / "out", fail_on="info"), settings)
    assert outcome.exit_code == 0


def test_since_and_until_bound_the_report(first: tuple[RunRequest, RunOutcome], tmp_path: Path) -> None:
    """Rows outside the period stay out of the report; the lake keeps them."""
    request, _ = first
    day = date(2025, 3, 10)
    report_only(RunRequest((), request.lake, tmp_path / "part", since=day, until=date(2025, 3, 11)), Settings())
    with (tmp_path / "part" / "timeline.csv").open(newline="") as file:
        assert {row["event_time"][:10] for row in csv.DictReader(file)} <= {"2025-03-10"}
    with (tmp_path / "part" / "scores.csv").open(newline="") as file:
        assert {row["event_date"] for row in csv.DictReader(file)} == {"2025-03-10"}


def test_quarantine_ends_with_3_and_is_named(archives: Path, tmp_path: Path) -> None:
    """A truncated archive beside a good one: the run goes on, names it, and ends with 3."""
    folder = tmp_path / "in"
    folder.mkdir()
    good = min(archives.rglob("*.json.gz"), key=lambda path: path.stat().st_size)
    (folder / "good.json.gz").write_bytes(good.read_bytes())
    (folder / "cut.json.gz").write_bytes(gzip.compress(b'{"Records":[]}')[:-6])
    outcome = run_once(RunRequest((str(folder),), str(tmp_path / "lake"), tmp_path / "out"), Settings())
    run = read_json(tmp_path / "out", "run.json")
    assert outcome.exit_code == 3
    assert run["quarantine"] == [
        {"uri": (folder / "cut.json.gz").as_uri(), "record_index": None, "reason": "truncated_gzip"}
    ]


def test_explain_proves_its_records(first: tuple[RunRequest, RunOutcome]) -> None:
    """`explain` of a finding shows the chain's sessions and every event's raw record, proved by its hash."""
    request, outcome = first
    story = explain_subject(request.lake, outcome.report.findings[0].finding_id, Settings())
    assert story["kind"] == "finding"
    assert [event["event_id"] for event in story["events"] if "raw_record" not in event] == []
    for event in story["events"]:
        assert json.loads(event["raw_record"])["eventID"] == event["event_id"]
    assert story["sessions"]


class _StopAfter(Silent):
    """Sets an event once so many reports are written, and lets one more archive land after the first."""

    def __init__(self, stop: threading.Event, rounds: int, landing: Path, archive: Path) -> None:
        self.stop, self.rounds, self.landing, self.archive = stop, rounds, landing, archive

    def finish(self, stage: str) -> None:
        """Count reports."""
        if stage == "report":
            self.rounds -= 1
            (self.landing / "late.json.gz").write_bytes(self.archive.read_bytes())
            if self.rounds == 0:
                self.stop.set()


def test_watch_takes_in_what_lands(archives: Path, tmp_path: Path) -> None:
    """An archive that lands between two rounds is in the second report; the watch ends when told to."""
    landing = tmp_path / "landing"
    landing.mkdir()
    one, two = sorted(archives.rglob("*.json.gz"), key=lambda path: (path.stat().st_size, path.name))[:2]
    (landing / "first.json.gz").write_bytes(one.read_bytes())
    stop = threading.Event()
    outcome = watch_sources(
        RunRequest((str(landing),), str(tmp_path / "lake"), tmp_path / "out"),
        Settings(),
        every_seconds=0.01,
        stop=stop,
        progress=_StopAfter(stop, 2, landing, two),
    )
    assert outcome.ingest is not None
    assert (outcome.ingest.archives["listed"], outcome.ingest.archives["unchanged"]) == (2, 1)
    assert outcome.problems == ()
