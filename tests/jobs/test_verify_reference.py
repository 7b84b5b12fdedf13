"""`aws cloudtrail validate-logs` as differential oracle, over the same tampered buckets."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.s3_static.server import serve
from pipeline.jobs.verify import verify_sources
from pipeline.settings import S3Settings, Settings
from tests.fast_bucket import store_of
from tests.servers.cloudtrail_stub import run_cloudtrail_stub
from tests.signed_corpus import HOUR, START, TRAIL, SignedCorpus, format_stamp, make_corpus
from tests.tampering import ACCOUNT, REGION, TAMPERINGS

AWS = Path(sys.executable).with_name("aws")
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

_LINE = re.compile(r"(?:\(backfill\) )?(?:Digest|Log) file\ts3://[^/]+/(\S+)\t(valid|INVALID)")


def validate_logs(endpoint: str, cloudtrail: str) -> dict[str, str]:
    """Key -> valid or INVALID, as the reference tool says."""
    command = [str(AWS), "cloudtrail", "validate-logs", "--verbose", "--region", REGION, "--s3-bucket", BUCKET]
    command += ["--trail-arn", f"arn:aws:cloudtrail:{REGION}:{ACCOUNT}:trail/{TRAIL}"]
    command += ["--start-time", format_stamp(START), "--end-time", format_stamp(START + 49 * HOUR)]
    environment = os.environ | {"AWS_ENDPOINT_URL_S3": endpoint, "AWS_ENDPOINT_URL_CLOUDTRAIL": cloudtrail}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=200, check=False)
    assert done.returncode in (0, 1), done.stderr
    return {found[1]: found[2] for found in _LINE.finditer(done.stdout + done.stderr)}


def make_oracle_corpus() -> SignedCorpus:
    """All chains, because a missing tail is told by the chains that go on; keys as PKCS#1, all the reference reads."""
    return make_corpus(BUCKET, with_spki=False)


@pytest.mark.skipif(not AWS.exists(), reason="awscli: a development dependency, not installed beside this Python")
@pytest.mark.parametrize(
    "name",
    [
        pytest.param(item.name, marks=[] if item.name in ("changed_byte", "injected") else [pytest.mark.soak])
        for item in TAMPERINGS
    ],
)
def test_whatever_the_reference_rejects_is_rejected(name: str) -> None:
    """What validate-logs calls INVALID is never sound here; what it calls valid is, but for the stricter cases."""
    corpus = make_oracle_corpus()
    changed = next(item for item in TAMPERINGS if item.name == name).act(corpus)
    every = [
        pair.answer() | {"ValidityEndTime": pair.end.timestamp()} for held in corpus.keys.values() for pair in held
    ]
    with serve(store_of(corpus)) as (endpoint, _), run_cloudtrail_stub(every) as (cloudtrail, asked):
        theirs = validate_logs(endpoint, cloudtrail)
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("AWS_ENDPOINT_URL_CLOUDTRAIL", cloudtrail)
            report = verify_sources([f"s3://{BUCKET}/"], Settings(s3=S3Settings(endpoint_url=endpoint)))
    assert asked["ListPublicKeys"] >= 2, "both tools asked for the keys"
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
