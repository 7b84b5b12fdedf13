"""What every test may ask for: an S3 server on loopback, buckets in it, and the real events beside the checkout."""

from __future__ import annotations

import itertools
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
# `pytest` alone, unlike `python -m pytest`, leaves the checkout off the path: tests.servers and benchmarks live there.
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

_AWS = {
    "AWS_ACCESS_KEY_ID": "AKIATESTTESTTESTTEST",
    "AWS_SECRET_ACCESS_KEY": "made-up",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
}


@pytest.fixture(scope="session", autouse=True)
def aws_environment() -> Iterator[None]:
    """Made-up credentials for every test: none may ever reach a real account, whatever the developer's shell holds."""
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith(("AWS_", "POLICYTRAIL_"))]:
            patch.delenv(name)
        for name, value in _AWS.items():
            patch.setenv(name, value)
        yield


@pytest.fixture(scope="session")
def s3_endpoint(aws_environment: None) -> Iterator[str]:
    """Endpoint URL of an S3 server on loopback; under pytest-xdist each worker has its own."""
    from tests.servers import run_s3_server  # not at the top: moto costs a second, and most tests need no S3

    with run_s3_server() as endpoint:
        yield endpoint


@pytest.fixture(scope="session")
def s3_bucket(s3_endpoint: str) -> Callable[[], str]:
    """Make a new, empty bucket and return its name."""
    from tests.servers import make_test_client

    numbers = itertools.count()

    def make_bucket() -> str:
        name = f"trail-{next(numbers):05d}"
        client = make_test_client(s3_endpoint)
        client.create_bucket(Bucket=name)
        client.close()
        return name

    return make_bucket


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The real events beside the checkout (bucket/ and expected.json); skips where they are absent."""
    folder = ROOT.parent / "shared" / "data"
    if not (folder / "expected.json").is_file():
        pytest.skip("real data: ../shared/data is absent beside this checkout")
    return folder
