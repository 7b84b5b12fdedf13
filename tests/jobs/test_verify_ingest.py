"""Verification in the same read: the ledger's verdicts, later digests, coverage, exit codes."""

from __future__ import annotations

import copy
import gzip
import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from pipeline.jobs.coverage import map_coverage, summarise_coverage
from pipeline.jobs.ingest import ingest_sources
from pipeline.jobs.lake_access import open_job_lake
from pipeline.jobs.run import RunRequest, run_once
from pipeline.jobs.verify import verify_sources
from pipeline.jobs.verify_hours import read_hours
from pipeline.jobs.verify_ingest import RunVerifier
from pipeline.settings import S3Settings, Settings
from tests.signed_corpus import ACCOUNTS, HOUR, REGIONS, START, SignedCorpus, make_corpus
from tests.tampering import (
    appended_member,
    deleted_archive,
    forged_digest,
    injected,
    moved_archive,
    two_in_a_row_deleted,
)

ACCOUNT, REGION = ACCOUNTS[0], REGIONS[0]


@pytest.fixture(scope="module")
def clean() -> SignedCorpus:
    """One account and region, 26 hours."""
    return make_corpus(hours=26, accounts=(ACCOUNT,), regions=(REGION,))


@pytest.fixture
def corpus(clean: SignedCorpus) -> SignedCorpus:
    """A copy to tamper with."""
    return copy.deepcopy(clean)


class Run:
    """Ingests a folder into a lake, with verification."""

    def __init__(self, folder: Path) -> None:
        self.source, self.lake, self.keys = folder / "bucket", str(folder / "lake"), folder / "keys.json"
        self.settings = Settings(s3=S3Settings(max_attempts=1))

    def __call__(self, *, with_keys: bool = True) -> RunVerifier:
        """Run once more; what was said is the verifier's problem, once."""
        notes: list[str] = []
        verifier = RunVerifier(self.settings, self.keys if with_keys else None, note=notes.append)
        with ThreadPoolExecutor(1) as executor:
            ingest_sources([str(self.source)], self.lake, self.settings, executor=executor, verifier=verifier)
        assert notes == ([verifier.problem] if verifier.problem else [])
        return verifier

    def verdicts(self) -> dict[str, str | None]:
        """Key -> verdict by the ledger, archives and digests."""
        ledger = open_job_lake(self.lake, self.settings).ledger()
        return dict(
            zip(ledger.column("archive_key").to_pylist(), ledger.column("verification").to_pylist(), strict=True)
        )

    def coverage(self) -> tuple[dict[str, Any], list[dict[str, Any]]]:
        """run.json's coverage and the rows of the map."""
        lake = open_job_lake(self.lake, self.settings)
        ledger, hours = lake.ledger(), read_hours(lake)
        return summarise_coverage(ledger, event_regions=None, hours=hours), map_coverage(ledger, hours).to_pylist()


@pytest.fixture
def run(corpus: SignedCorpus, tmp_path: Path) -> Run:
    """The corpus is written by the test, when it is tampered with."""
    corpus.write_keys(tmp_path / "keys.json")
    return Run(tmp_path)


def test_the_ledger_holds_verdict_digest_and_key(corpus: SignedCorpus, run: Run) -> None:
    """Every archive of a whole corpus is verified, by the digest that names it and the key that signed that."""
    corpus.write(run.source)
    verifier = run()
    assert (verifier.has_failures, verifier.problem, set(verifier.counts)) == (False, "", {"verified", "missing"})
    ledger = open_job_lake(run.lake, run.settings).ledger()
    named = {item["s3Object"]: key for key in corpus.digests[ACCOUNT, REGION] for item in corpus.read(key)["logFiles"]}
    root = f"{run.source.as_uri()}/"
    for row in ledger.to_pylist():
        digest = named.get(row["archive_key"], row["archive_key"])
        expected = ("verified", root + digest, corpus.read(digest)["digestPublicKeyFingerprint"])
        assert (row["verification"], row["digest_uri"], row["digest_key_fingerprint"]) == expected


@pytest.mark.parametrize(
    "act", [injected, moved_archive, appended_member, deleted_archive, forged_digest, two_in_a_row_deleted]
)
def test_ingest_says_what_verify_says(corpus: SignedCorpus, run: Run, act: Any) -> None:
    """Each object in the ledger has the verdict of the verify command; what is missing stands in coverage."""
    act(corpus)
    corpus.write(run.source)
    assert run().has_failures
    alone = verify_sources([str(run.source)], run.settings, keys_file=run.keys)
    root = f"{run.source.as_uri()}/"
    judged = {item.uri.removeprefix(root): item.verdict for item in alone.objects}
    assert run.verdicts() == {key: verdict for key, verdict in judged.items() if verdict != "missing"}
    coverage, _ = run.coverage()
    problems = {item["uri"].removeprefix(root): item["verdict"] for item in coverage["problems"]}
    assert problems == {key: verdict for key, verdict in judged.items() if verdict not in ("verified", "pending")}
    assert coverage["verification"] == {verdict: count for verdict, count in alone.counts.items() if count}


def test_a_digest_that_comes_later_turns_pending_into_verified(corpus: SignedCorpus, run: Run) -> None:
    """An archive is pending until its hour's digest is there; then a new ledger row says verified, once."""
    newest = corpus.digests[ACCOUNT, REGION][-1]
    late = corpus.objects.pop(newest), corpus.metadata.pop(newest)
    corpus.write(run.source)
    assert not run().has_failures
    waiting = [key for key, verdict in run.verdicts().items() if verdict == "pending"]
    assert waiting == [item["s3Object"] for item in json.loads(gzip.decompress(late[0]))["logFiles"]]
    SignedCorpus(corpus.bucket, objects={newest: late[0]}, metadata={newest: late[1]}).write(run.source)
    assert not run().has_failures
    assert set(run.verdicts().values()) == {"verified"}
    before = open_job_lake(run.lake, run.settings).ledger_history().num_rows
    run()
    assert open_job_lake(run.lake, run.settings).ledger_history().num_rows == before


def test_without_keys_the_run_goes_on_and_says_so(corpus: SignedCorpus, run: Run) -> None:
    """Digests that cannot be checked leave coverage unknown; nothing is called missing."""
    corpus.write(run.source)
    verifier = run(with_keys=False)
    assert "--keys" in verifier.problem
    assert not verifier.has_failures
    coverage, rows = run.coverage()
    assert coverage["verification"] is None
    assert {row["hours_expected"] for row in coverage["accounts"]} == {None}
    assert "unknown" in coverage["statement"]
    assert {row["state"] for row in rows} == {"seen"}


def test_what_was_read_unverified_is_judged_once_keys_are_there(corpus: SignedCorpus, run: Run) -> None:
    """A lake made without keys gets its verdicts, and its failures, from the first run that has them."""
    evil = next(iter(injected(corpus)))
    corpus.write(run.source)
    run(with_keys=False)
    assert set(run.verdicts().values()) == {None}
    assert run().has_failures
    judged = {key: verdict for key, verdict in run.verdicts().items() if "CloudTrail-Digest" not in key}
    assert judged == dict.fromkeys(judged, "verified") | {evil: "unlisted"}
    assert not run().has_failures, "told once as this run's, afterwards by coverage"


def test_coverage_tells_each_hour(corpus: SignedCorpus, run: Run) -> None:
    """Seen, empty, late, missing and unknown hours, in the map and in numbers."""
    deleted_archive(corpus)  # of hour 12
    forged_digest(corpus)  # of hour 20
    gone = corpus.digest_key(ACCOUNT, REGION, START + 16 * HOUR)  # of hour 15
    corpus.drop(gone)
    corpus.put_archive(ACCOUNT, REGION, START + 27 * HOUR + timedelta(minutes=1), name="NEW")
    corpus.write(run.source)
    run()
    coverage, rows = run.coverage()
    states = {int((row["hour_at"] - START) / HOUR): row["state"] for row in rows}
    expected = dict.fromkeys(range(26), "seen") | {27: "seen"}
    expected |= {5: "empty", 6: "empty", 12: "missing", 15: "missing", 17: "late", 18: "late", 20: "unknown"}
    assert states == expected
    (account,) = coverage["accounts"]
    assert {name: account[name] for name in ("hours_expected", "hours_seen", "missing", "late")} == {
        "hours_expected": 26,
        "hours_seen": 23,
        "missing": 2,
        "late": 2,
    }
    assert "2 are missing and 2 came late" in coverage["statement"]


def test_a_run_ends_with_3_while_something_is_missing(tmp_path: Path) -> None:
    """What digests prove missing is named in run.json, also by a run that reads nothing new; --no-verify says 0."""
    corpus = make_corpus(hours=3, accounts=(ACCOUNT,), regions=(REGION,), backfilled=())
    gone = corpus.archives[ACCOUNT, REGION][2]
    corpus.drop(gone)
    source, keys = corpus.write(tmp_path / "bucket"), corpus.write_keys(tmp_path / "keys.json")
    request = RunRequest((str(source),), str(tmp_path / "lake"), tmp_path / "report", keys=keys)
    outcomes = [run_once(request, Settings()) for _ in range(2)]
    assert [outcome.exit_code for outcome in outcomes] == [3, 3]
    written = json.loads((tmp_path / "report" / "run.json").read_bytes())["coverage"]
    assert [(item["uri"], item["verdict"]) for item in written["problems"]] == [
        (f"{source.as_uri()}/{gone}", "missing")
    ]
    assert run_once(replace(request, verify=False), Settings()).exit_code == 0
