"""The reference tool's own cases, each run by both tools over the same bucket; and its cases about arguments."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from importlib.util import find_spec
from typing import Any

import pytest

from benchmarks.s3_static.server import serve
from benchmarks.s3_static.store import Store
from pipeline.cli.app import run_command
from pipeline.jobs.verify import VerifyReport, verify_sources
from pipeline.settings import S3Settings, Settings
from tests.fast_bucket import store_of
from tests.jobs.reference_tool import ReferenceAnswer, ReferenceTool, start_reference
from tests.reference_cases import ACCOUNT, BUCKET, CASES, REGION, Scene
from tests.servers.cloudtrail_stub import run_cloudtrail_stub
from tests.signed_corpus import HOUR, START, TRAIL, format_stamp, walk

pytestmark = pytest.mark.skipif(find_spec("awscli") is None, reason="awscli: a development dependency")
ARN = f"arn:aws:cloudtrail:{REGION}:{ACCOUNT}:trail/{TRAIL}"
PERIOD = ["--start-time", format_stamp(START), "--end-time", format_stamp(START + 9 * HOUR)]
STRICTER = {"no_digest_at_all", "another_algorithm", "archive_without_trailer", "another_trail_and_region"}
"""Cases of which the reference says that all is well, and verify does not (docs/evidence.md)."""


@pytest.fixture(scope="module")
def reference() -> Iterator[ReferenceTool]:
    """The reference tool, started once."""
    with start_reference() as tool:
        yield tool


class Vanishing(dict[str, Any]):
    """Objects of which some are listed, and gone when they are asked for."""

    def __init__(self, objects: Mapping[str, Any], gone: set[str]) -> None:
        super().__init__(objects)
        self._gone = gone

    def get(self, key: str, default: Any = None) -> Any:
        """What a GET finds."""
        return default if key in self._gone else super().get(key, default)


def serve_scene(scene: Scene) -> Store:
    """The bucket as a server sees it."""
    store = store_of(scene.corpus)
    store.objects = Vanishing(store.objects, scene.vanished)
    return store


def run_both(scene: Scene, reference: ReferenceTool) -> tuple[ReferenceAnswer, VerifyReport]:
    """The same server, the same answers, one tool after the other."""
    trail = {"TrailARN": ARN, "S3BucketName": BUCKET, "IsOrganizationTrail": bool(scene.corpus.organization)}
    if scene.corpus.prefix:
        trail["S3KeyPrefix"] = scene.corpus.prefix.rstrip("/")
    answers: dict[str, dict[str, Any]] = {
        "DescribeTrails": {"trailList": [trail]},
        "DescribeOrganization": {"Organization": {"Id": scene.corpus.organization}},
    }
    pairs = [pair for held in scene.corpus.keys.values() for pair in held]
    keys = scene.answer([pair.answer() | {"ValidityEndTime": pair.end.timestamp()} for pair in pairs])
    arguments = ["--region", REGION, "--trail-arn", ARN, "--account-id", ACCOUNT, *PERIOD]
    with serve(serve_scene(scene)) as (endpoint, _), run_cloudtrail_stub(keys, **answers) as (cloudtrail, _):
        names = {"S3": endpoint, "CLOUDTRAIL": cloudtrail, "ORGANIZATIONS": cloudtrail}
        answer = reference.validate_logs(arguments, {f"AWS_ENDPOINT_URL_{name}": url for name, url in names.items()})
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("AWS_ENDPOINT_URL_CLOUDTRAIL", cloudtrail)
            report = verify_sources([f"s3://{BUCKET}/"], Settings(s3=S3Settings(endpoint_url=endpoint)))
    return answer, report


@pytest.mark.parametrize("name", CASES)
def test_both_tools_say_what_the_case_says(name: str, reference: ReferenceTool) -> None:
    """Each verdict of verify, each INVALID of the reference, and both exit codes, exactly."""
    scene = Scene()
    outcome = CASES[name](scene)
    there = {key for key, _ in walk(scene.corpus)} | set(outcome.ours)
    answer, report = run_both(scene, reference)
    ours = {item.uri.removeprefix(f"s3://{BUCKET}/"): item.verdict for item in report.objects}
    assert ours == {key: outcome.ours.get(key, "verified") for key in there}
    assert answer.rejected == {f"{BUCKET}/{key}" for key in outcome.rejected}
    assert answer.code == (1 if outcome.rejected else 0), answer.text
    assert report.exit_code == (3 if set(outcome.ours.values()) - {"pending"} else 0)
    assert (report.exit_code == 3) == (answer.code == 1 or name in STRICTER)
    unsound = {key for key, verdict in outcome.ours.items() if verdict != "pending"}
    assert outcome.rejected <= unsound, "whatever it rejects is rejected here"


def test_no_public_key_at_all(reference: ReferenceTool) -> None:
    """The reference gives up without a verdict; verify says of every digest that its key is not there."""
    scene = Scene(answer=lambda keys: [])
    digests = scene.lay("0-")
    answer, report = run_both(scene, reference)
    assert answer.code not in (0, 1)
    assert "No public keys found" in answer.text
    assert {item.verdict for item in report.objects if item.kind == "digest"} == {"bad_signature"}
    assert all("no public key with fingerprint" in item.detail for item in report.objects if item.kind == "digest")
    assert len([item for item in report.objects if item.kind == "digest"]) == len(digests)


@pytest.mark.parametrize("marks", ["linked", "backfilled"])
def test_a_chain_goes_on_in_another_bucket(
    marks: str, reference: ReferenceTool, s3_endpoint: str, s3_bucket: Callable[[], str]
) -> None:
    """The trail's bucket was changed: both tools follow; with the second bucket alone its first digest says so."""
    from tests.servers import make_test_client

    client = make_test_client(s3_endpoint)
    old, new, scene = s3_bucket(), s3_bucket(), Scene()
    keys = scene.lay("0---", is_backfill=marks == "backfilled")
    homes = {keys[0]: old, keys[1]: old, keys[2]: new, keys[3]: new}
    previous = None
    for key, home in homes.items():
        (archive,) = scene.named(key)
        files = [item | {"s3Bucket": home} for item in scene.corpus.read(key)["logFiles"]]
        links: dict[str, Any] = {"digestS3Bucket": home, "logFiles": files}
        if previous is not None:
            links |= {
                "previousDigestS3Bucket": homes[previous],
                "previousDigestSignature": scene.corpus.metadata[previous]["signature"],
                "previousDigestHashValue": scene.corpus.inflated_sha256(previous),
            }
        scene.resign(key, **links)
        for name in (key, archive):
            described = scene.corpus.metadata.get(name, {})
            client.put_object(Bucket=home, Key=name, Body=scene.corpus.objects[name], Metadata=described)
        previous = key
    client.close()
    public = [pair.answer() | {"ValidityEndTime": pair.end.timestamp()} for pair in scene.corpus.keys[REGION]]
    settings = Settings(s3=S3Settings(endpoint_url=s3_endpoint))
    with run_cloudtrail_stub(public) as (cloudtrail, _), pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL_CLOUDTRAIL", cloudtrail)
        arguments = ["--region", REGION, "--trail-arn", ARN, "--s3-bucket", new, *PERIOD]
        reached = {"AWS_ENDPOINT_URL_S3": s3_endpoint, "AWS_ENDPOINT_URL_CLOUDTRAIL": cloudtrail}
        answer = reference.validate_logs(arguments, reached)
        whole = verify_sources([f"s3://{old}/", f"s3://{new}/"], settings)
        part = verify_sources([f"s3://{new}/"], settings)
    assert answer.code == 0, answer.text
    assert set(answer.words.values()) == {"valid"}
    assert {item.verdict for item in whole.objects} == {"verified"}
    assert len(whole.objects) == len(answer.words) == 8
    assert {item.verdict for item in part.objects} == {"verified"}
    (first,) = [item.detail for item in part.objects if item.detail]
    assert first == f"its predecessor lies outside of what was listed: s3://{old}/{keys[1]}"


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        (
            ["--start-time", "2015-01-01", "--end-time", "2014-01-01"],
            ["--since", "2015-01-01", "--until", "2014-01-01"],
        ),
        (["--start-time", "foo"], ["--since", "foo"]),
    ],
    ids=["start_after_end", "no_date"],
)
def test_a_period_that_is_none(
    theirs: list[str], ours: list[str], reference: ReferenceTool, capsys: pytest.CaptureFixture[str]
) -> None:
    """Both refuse it, in a sentence that repeats what was given."""
    answer = reference.validate_logs(["--region", REGION, "--trail-arn", ARN, *theirs], {})
    assert answer.code not in (0, 1)
    with pytest.raises(SystemExit) as ended:
        run_command(["verify", "s3://nowhere/", *ours])
    assert ended.value.code == 2
    assert ours[1] in capsys.readouterr().err
