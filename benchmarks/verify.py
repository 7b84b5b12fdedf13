"""Verification against the reference tool: the same archives, the same server, one after the other.

What enters: nothing. What leaves: archives a second of ``policytrail verify`` and of ``aws cloudtrail validate-logs``,
and their ratio, each command as a user starts it. Use: ``python -m benchmarks.verify``.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

HOURS, ARCHIVES_AN_HOUR = 168, 24
DELAY_MS = 20
BUCKET = "trail-bucket"


def measure_verify(
    *, hours: int = HOURS, archives_an_hour: int = ARCHIVES_AN_HOUR, delay_ms: int = DELAY_MS
) -> dict[str, Any]:
    """Measure both tools over one account and region of signed archives.

    Args:
        hours: digests.
        archives_an_hour: archives that each names.
        delay_ms: what the server waits before each answer, as S3 in the same region does.

    Returns:
        ``verify_archives``, ``verify_archives_per_second``, ``awscli_archives_per_second``, ``verify_ratio_vs_awscli``
        and the seconds of each.
    """
    from tests.servers.cloudtrail_stub import run_cloudtrail_stub
    from tests.signed_corpus import ACCOUNTS, HOUR, REGIONS, START, TRAIL, format_stamp, make_corpus

    corpus = make_corpus(
        BUCKET,
        hours=hours,
        accounts=ACCOUNTS[:1],
        regions=REGIONS[:1],
        backfilled=(),
        archives_an_hour=archives_an_hour,
        with_spki=False,
    )
    count = sum(len(keys) for keys in corpus.archives.values())
    public = [pair.answer() | {"ValidityEndTime": pair.end.timestamp()} for pair in corpus.keys[REGIONS[0]]]
    with tempfile.TemporaryDirectory() as temporary:
        folder = corpus.write(Path(temporary) / "bucket")
        with serve_folder(folder, delay_ms) as endpoint, run_cloudtrail_stub(public) as (cloudtrail, _):
            environment = make_environment(endpoint, cloudtrail)
            verify = [command_path("policytrail"), "verify", f"s3://{BUCKET}/", "--json"]
            before = _time(verify, environment, 0)
            arn = f"arn:aws:cloudtrail:{REGIONS[0]}:{ACCOUNTS[0]}:trail/{TRAIL}"
            period = ["--start-time", format_stamp(START), "--end-time", format_stamp(START + hours * HOUR)]
            aws = [command_path("aws"), "cloudtrail", "validate-logs", "--trail-arn", arn, *period]
            theirs = _time([*aws, "--s3-bucket", BUCKET, "--region", REGIONS[0]], environment, 0)
            after = _time(verify, environment, 0)
    ours = ((before[0] + after[0]) / 2, before[1])  # a run on either side: the machine may be busier at one time
    verified = json.loads(ours[1])["counts"]["verified"]
    if verified != count + hours or f"{count}/{count} log files valid" not in theirs[1]:
        raise AssertionError(f"{verified} of {count + hours} verified here; the reference says {theirs[1][-400:]!r}")
    return {
        "verify_archives": count,
        "verify_seconds": round(ours[0], 3),
        "awscli_seconds": round(theirs[0], 3),
        "verify_archives_per_second": round(count / ours[0], 1),
        "awscli_archives_per_second": round(count / theirs[0], 1),
        "verify_ratio_vs_awscli": round(theirs[0] / ours[0], 2),
    }


def _time(command: Sequence[str], environment: Mapping[str, str], code: int) -> tuple[float, str]:
    started = time.perf_counter()
    done = subprocess.run(command, env=dict(environment), capture_output=True, text=True, timeout=900, check=False)
    seconds = time.perf_counter() - started
    if done.returncode != code:
        raise AssertionError(f"{Path(command[0]).name} ended with {done.returncode}: {done.stderr[-800:]}")
    return seconds, done.stdout


def command_path(name: str) -> str:
    """A command of this virtual environment."""
    return str(Path(sys.executable).with_name(name))


def make_environment(endpoint: str, cloudtrail: str) -> dict[str, str]:
    """The environment of a command that reaches S3 and CloudTrail on loopback, with made-up credentials."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "POLICYTRAIL_"))}
    return kept | {
        "AWS_ACCESS_KEY_ID": "AKIATESTTESTTESTTEST",
        "AWS_SECRET_ACCESS_KEY": "made-up",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_ENDPOINT_URL_S3": endpoint,
        "AWS_ENDPOINT_URL_CLOUDTRAIL": cloudtrail,
    }


@contextmanager
def serve_folder(folder: Path, delay_ms: int) -> Iterator[str]:
    """The static S3 in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.s3_static", str(folder), "--memory", "--delay-ms", str(delay_ms)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        try:
            yield f"http://127.0.0.1:{json.loads(server.stdout.readline())['port']}"
        finally:
            server.terminate()


if __name__ == "__main__":
    print(json.dumps(measure_verify(), indent=1))
