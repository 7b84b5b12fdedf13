"""What a run says that it looked at: with digests, without them, and without the region that IAM's events come to."""

from __future__ import annotations

import html
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from pipeline.jobs import report
from pipeline.jobs.run import RunRequest, run_once
from pipeline.settings import Settings
from tests.signed_corpus import ACCOUNTS, REGIONS, SignedCorpus, make_corpus, walk


@dataclass(frozen=True)
class Told:
    """What a run left for its reader."""

    code: int
    coverage: dict[str, Any]
    page: str

    @property
    def words(self) -> str:
        """The page's text, drawings left out."""
        body = re.sub(r"<svg.*?</svg>", " ", self.page[self.page.index("<body") :], flags=re.DOTALL)
        return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", body)).split())

    def states(self, state: str) -> int:
        """How many squares of the map say a state."""
        return len(re.findall(rf"hours: 1 {state}\b", html.unescape(self.page)))


def run_over(corpus: SignedCorpus, folder: Path) -> Told:
    """Run over a corpus, keys given."""
    keys = corpus.write_keys(folder / "keys.json")
    request = RunRequest((str(corpus.write(folder / "bucket")),), str(folder / "lake"), folder / "report", keys=keys)
    outcome = run_once(request, Settings())
    run = json.loads((folder / "report" / "run.json").read_text())
    return Told(outcome.exit_code, run["coverage"], (folder / "report" / "report.html").read_text())


def drop_digests(corpus: SignedCorpus) -> SignedCorpus:
    """The same archives without what vouches for them."""
    for key, kind in list(walk(corpus)):
        if kind == "digest":
            corpus.drop(key)
    return corpus


def test_with_digests_every_hour_is_expected_and_accounted_for(tmp_path: Path) -> None:
    """Per account and region: hours expected, seen, missing, late; the map shows each, and the page opens with it."""
    corpus = make_corpus(hours=12, backfilled=(7, 8))
    hourly = [key for key in corpus.digests[ACCOUNTS[0], REGIONS[0]] if "_backfill" not in key]
    corpus.drop(hourly[3])
    corpus.drop(corpus.archives[ACCOUNTS[0], REGIONS[0]][4])
    told = run_over(corpus, tmp_path)
    rows = {
        (row["account_id"], row["region"]): [row[name] for name in ("hours_expected", "hours_seen", "missing", "late")]
        for row in told.coverage["accounts"]
    }
    whole = [12, 12, 0, 2]
    assert rows == {(account, region): whole for account in ACCOUNTS for region in REGIONS} | {
        (ACCOUNTS[0], REGIONS[0]): [12, 10, 2, 2]
    }
    assert told.code == 3
    assert "of 48 account hours expected, 2 are missing and 8 came late" in told.coverage["statement"]
    assert told.coverage["verification"]["missing"] == 2
    assert {item["verdict"] for item in told.coverage["problems"]} == {"missing", "broken_chain", "no_digest"}
    assert "s3://file:" not in json.dumps(told.coverage["problems"]), "a copy in a folder is named by its own path"
    assert [told.states(state) for state in ("missing", "late", "empty")] == [2, 8, 8]
    assert told.words.index(told.coverage["statement"]) < told.words.index("PutRolePolicy over time")


def test_without_digests_nothing_is_missing_and_that_is_said(tmp_path: Path) -> None:
    """Hours are unknown: no number stands where nobody knows one."""
    told = run_over(drop_digests(make_corpus(hours=12)), tmp_path)
    unknown = [row[name] for row in told.coverage["accounts"] for name in ("hours_expected", "missing", "late")]
    assert set(unknown) == {None}
    assert (told.code, told.coverage["verification"]) == (0, None)
    assert "whether archives are missing or were changed is unknown" in told.coverage["statement"]
    assert told.states("missing") == 0


@pytest.mark.parametrize("with_digests", [True, False])
def test_without_the_region_of_iam_the_page_opens_with_that(tmp_path: Path, with_digests: bool) -> None:
    """Only eu-west-1: the first words say what cannot be seen, and "No findings" never stands alone."""
    corpus = make_corpus(hours=6, regions=("eu-west-1",), backfilled=())
    told = run_over(corpus if with_digests else drop_digests(corpus), tmp_path)
    opening = "Skip to the findings PolicyTrail report IAM activity is not visible here IAM events of partition aws are"
    assert told.words.startswith(opening)
    assert told.coverage["iam_visible"]["aws"]["visible"] is False
    for found in re.finditer("No findings", told.words):
        assert "IAM activity was not seen" in told.words[found.start() : found.start() + 60]
    assert "What was looked at: 2 accounts and 1 region: 20 archives" in told.words


def test_a_stray_file_says_nothing_about_regions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The events are asked for their regions where an archive's key names none, not for a file without events."""
    told = run_over(drop_digests(make_corpus(hours=2)), tmp_path)
    monkeypatch.setattr(report, "_list_regions", lambda lake: pytest.fail("the events were read"))
    (tmp_path / "bucket" / "notes.json").write_text("{}")
    again = run_over(drop_digests(make_corpus(hours=2)), tmp_path)
    assert {row["region"] for row in again.coverage["accounts"]} == {None, *REGIONS}
    assert again.coverage["iam_visible"] == told.coverage["iam_visible"]
