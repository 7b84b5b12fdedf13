"""`aws cloudtrail validate-logs` as differential oracle, over the same tampered buckets."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec

import pytest

from benchmarks.s3_static.server import serve
from pipeline.jobs.verify import verify_sources
from pipeline.settings import S3Settings, Settings
from tests.fast_bucket import store_of
from tests.jobs.reference_tool import ReferenceTool, start_reference
from tests.servers.cloudtrail_stub import run_cloudtrail_stub
from tests.signed_corpus import HOUR, START, TRAIL, SignedCorpus, format_stamp, make_corpus
from tests.tampering import ACCOUNT, REGION, TAMPERINGS

pytestmark = pytest.mark.skipif(find_spec("awscli") is None, reason="awscli: a development dependency")
BUCKET = "trail-bucket"

STRICTER = {
    "injected",
    "injected_into_backfilled_hour",
    "injected_into_empty_hour",
    "copied_archive",
    "newest_digests_deleted",
    "newest_two_deleted",
    "previous_signature_changed",
    "all_digests_deleted",
}
"""Tamperings of which the reference tool says that all is valid (docs/evidence.md)."""


@pytest.fixture(scope="module")
def reference() -> Iterator[ReferenceTool]:
    """The reference tool, started once."""
    with start_reference() as tool:
        yield tool


def make_oracle_corpus() -> SignedCorpus:
    """All chains, because a missing tail is told by the chains that go on; keys as PKCS#1, all the reference reads."""
    return make_corpus(BUCKET, with_spki=False)


@pytest.mark.parametrize("name", [item.name for item in TAMPERINGS])
def test_whatever_the_reference_rejects_is_rejected(name: str, reference: ReferenceTool) -> None:
    """What validate-logs calls INVALID is never sound here; what it calls valid is, but for the stricter cases."""
    corpus = make_oracle_corpus()
    changed = next(item for item in TAMPERINGS if item.name == name).act(corpus)
    every = [
        pair.answer() | {"ValidityEndTime": pair.end.timestamp()} for held in corpus.keys.values() for pair in held
    ]
    arguments = ["--region", REGION, "--s3-bucket", BUCKET]
    arguments += ["--trail-arn", f"arn:aws:cloudtrail:{REGION}:{ACCOUNT}:trail/{TRAIL}"]
    arguments += ["--start-time", format_stamp(START), "--end-time", format_stamp(START + 49 * HOUR)]
    with serve(store_of(corpus)) as (endpoint, _), run_cloudtrail_stub(every) as (cloudtrail, asked):
        reached = {"AWS_ENDPOINT_URL_S3": endpoint, "AWS_ENDPOINT_URL_CLOUDTRAIL": cloudtrail}
        answer = reference.validate_logs(arguments, reached)
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("AWS_ENDPOINT_URL_CLOUDTRAIL", cloudtrail)
            report = verify_sources([f"s3://{BUCKET}/"], Settings(s3=S3Settings(endpoint_url=endpoint)))
    assert asked["ListPublicKeys"] >= 2, "both tools asked for the keys"
    assert answer.code in (0, 1), answer.text
    theirs = {place.removeprefix(f"{BUCKET}/"): word for place, word in answer.words.items()}
    ours = {item.uri.removeprefix(f"s3://{BUCKET}/"): item.verdict for item in report.objects}
    rejected = {key for key, word in theirs.items() if word == "INVALID"}
    # A lifecycle rule takes the oldest digests: the first retained starts the chain here, and says so; the reference
    # misses its predecessor, and not the archives of those hours, which are no_digest here.
    retained = {key for key in rejected if key not in ours}
    assert len(retained) == (name == "oldest_digests_deleted")
    assert {key for key in rejected - retained if ours[key] in ("verified", "pending")} == set()
    assert bool(rejected) == bool(set(changed.values()) - {"pending"} and name not in STRICTER)
    doubted = {key for key, word in theirs.items() if word == "valid" and ours[key] != "verified"}
    assert doubted <= set(changed), "nothing is doubted here but what was tampered with"
