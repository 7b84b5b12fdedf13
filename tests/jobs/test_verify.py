"""The verify job over a whole signed corpus: every tampering, from a folder and from S3."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from urllib.parse import unquote

import pytest

from benchmarks.s3_static.server import serve
from pipeline.errors import SourceError
from pipeline.jobs.verify import VerifyReport, verify_sources
from pipeline.settings import S3Settings, Settings
from tests.fast_bucket import store_of
from tests.servers.cloudtrail_stub import run_cloudtrail_stub
from tests.signed_corpus import ACCOUNTS, HOUR, REGIONS, START, SignedCorpus, make_corpus, walk
from tests.tampering import TAMPERINGS, Tampering


@pytest.fixture(scope="module")
def clean() -> SignedCorpus:
    """The whole corpus, made once."""
    return make_corpus()


@pytest.fixture
def corpus(clean: SignedCorpus) -> SignedCorpus:
    """A copy to tamper with."""
    return copy.deepcopy(clean)


def expect_verdicts(corpus: SignedCorpus, changed: dict[str, str]) -> dict[tuple[str, str], str]:
    """(key, kind) -> verdict of everything that is there or should be."""
    kinds = dict(walk(corpus)) | {key: "digest" if "CloudTrail-Digest" in key else "archive" for key in changed}
    return {(key, kind): changed.get(key, "verified") for key, kind in kinds.items()}


def read_verdicts(report: VerifyReport, root: str) -> dict[tuple[str, str], str]:
    """(key, kind) -> verdict, as the job says."""
    return {(unquote(item.uri.removeprefix(root)), item.kind): item.verdict for item in report.objects}


@pytest.mark.parametrize("tampering", TAMPERINGS, ids=lambda item: item.name)
def test_tampering_in_a_folder(corpus: SignedCorpus, tampering: Tampering, tmp_path: Path) -> None:
    """Each tampering gives exactly its verdicts, and every other object stays verified."""
    changed = tampering.act(corpus)
    folder = corpus.write(tmp_path / "bucket")
    report = verify_sources([str(folder)], Settings(), keys_file=corpus.write_keys(tmp_path / "keys.json"))
    assert read_verdicts(report, f"{folder.as_uri()}/") == expect_verdicts(corpus, changed)
    assert report.exit_code == (3 if set(changed.values()) - {"pending"} else 0)
    assert sum(report.counts.values()) == len(report.objects)


@pytest.mark.parametrize("tampering", TAMPERINGS, ids=lambda item: item.name)
def test_tampering_in_s3(corpus: SignedCorpus, tampering: Tampering, tmp_path: Path) -> None:
    """The same table over HTTP: listings, bodies and metadata headers of an S3 server."""
    changed = tampering.act(corpus)
    with serve(store_of(corpus)) as (endpoint, requests):
        settings = Settings(s3=S3Settings(endpoint_url=endpoint))
        report = verify_sources(
            [f"s3://{corpus.bucket}/"], settings, keys_file=corpus.write_keys(tmp_path / "keys.json")
        )
    assert read_verdicts(report, f"s3://{corpus.bucket}/") == expect_verdicts(corpus, changed)
    assert requests["HEAD"] == 0, "a digest's metadata comes with its bytes"
    assert requests["GET"] <= len(corpus.objects)


def test_a_bucket_of_moto(s3_endpoint: str, s3_bucket: Callable[[], str], tmp_path: Path) -> None:
    """An uploaded corpus verifies, keys asked of CloudTrail region by region; an injected archive shows."""
    from tests.servers import upload_folder

    bucket = s3_bucket()
    corpus = make_corpus(bucket, hours=6, backfilled=(2,))
    evil = corpus.put_archive(ACCOUNTS[1], REGIONS[1], START + 3 * HOUR + timedelta(minutes=30), name="EVIL")
    upload_folder(s3_endpoint, bucket, corpus.write(tmp_path / "bucket"))
    keys = [pair.answer() | {"ValidityEndTime": pair.end.timestamp()} for held in corpus.keys.values() for pair in held]
    settings = Settings(s3=S3Settings(endpoint_url=s3_endpoint))
    with run_cloudtrail_stub(keys) as (cloudtrail, asked), pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL_CLOUDTRAIL", cloudtrail)
        report = verify_sources([f"s3://{bucket}/"], settings)
    assert read_verdicts(report, f"s3://{bucket}/") == expect_verdicts(corpus, {evil: "unlisted"})
    assert asked["ListPublicKeys"] == 2, "one question a region"


def test_refused_keys_are_an_error_that_says_what_to_do(tmp_path: Path) -> None:
    """Without keys nothing can be judged: that is no verdict, but a failure of the command."""
    corpus = make_corpus(hours=2, backfilled=())
    with run_cloudtrail_stub(None) as (cloudtrail, _), pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL_CLOUDTRAIL", cloudtrail)
        with pytest.raises(SourceError, match="--keys"):
            verify_sources([str(corpus.write(tmp_path / "bucket"))], Settings())


@pytest.mark.parametrize(
    "layout",
    [
        "account",
        "service",
        "two_buckets",
        "flat",
        "prefixed",
    ],
)
def test_a_folder_may_hold_a_part_or_several_buckets(layout: str, tmp_path: Path) -> None:
    """A copy of a part of a bucket, of several buckets, or of all files side by side verifies as the bucket does."""
    corpus = make_corpus(prefix="logs/2026/" if layout == "prefixed" else "", hours=8, backfilled=(3,))
    root = corpus.write(tmp_path / "bucket")
    if layout == "account":
        root = root / "AWSLogs" / "111122223333"
    elif layout == "service":
        root = root / "AWSLogs"
    elif layout == "two_buckets":
        make_corpus("other-bucket", hours=8, accounts=("777788889999",)).write(tmp_path / "both" / "second")
        (tmp_path / "bucket").rename(tmp_path / "both" / "first")
        root = tmp_path / "both"
    elif layout == "flat":
        flat = tmp_path / "flat"
        flat.mkdir()
        for path in [path for path in root.rglob("*") if path.is_file()]:
            path.rename(flat / path.name)
        root = flat
    report = verify_sources([str(root)], Settings(), keys_file=corpus.write_keys(tmp_path / "keys.json"))
    assert {item.verdict for item in report.objects} == {"verified"}
    assert len(report.objects) == len(list(root.rglob("*.json.gz")))


def test_a_period_is_judged_with_the_digest_after_it(corpus: SignedCorpus, tmp_path: Path) -> None:
    """The last hour of a day is vouched for by a digest of the next day; neither side of the period is listed."""
    folder = corpus.write(tmp_path / "bucket")
    keys = corpus.write_keys(tmp_path / "keys.json")
    report = verify_sources([str(folder)], Settings(), keys_file=keys, since=date(2026, 3, 1), until=date(2026, 3, 2))
    expected = [key for key, _ in walk(corpus) if "/2026/03/01/" in key]
    assert sorted(unquote(item.uri.removeprefix(f"{folder.as_uri()}/")) for item in report.objects) == expected
    assert report.exit_code == 0


def test_without_digests_nothing_is_vouched_for(corpus: SignedCorpus, tmp_path: Path) -> None:
    """A folder of archives alone is no_digest throughout, and no key is asked for."""
    for key, kind in list(walk(corpus)):
        if kind == "digest":
            corpus.drop(key)
    report = verify_sources([str(corpus.write(tmp_path / "bucket"))], Settings())
    assert {item.verdict for item in report.objects} == {"no_digest"}
    assert report.exit_code == 3


def test_files_that_are_no_logs_are_not_judged(corpus: SignedCorpus, tmp_path: Path) -> None:
    """Keys and notes that lie in the folder are no archives; an archive under any name is."""
    folder = corpus.write(tmp_path / "bucket")
    keys = corpus.write_keys(folder / "keys.json")
    (folder / "stray.json").write_text(json.dumps({"Records": [{"eventTime": "2026-03-01T00:00:00Z"}]}))
    report = verify_sources([str(folder)], Settings(), keys_file=keys)
    assert [(item.uri, item.verdict) for item in report.objects if item.verdict != "verified"] == [
        (f"{folder.as_uri()}/stray.json", "unlisted")
    ]
