"""Archives in a bucket."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable
from pathlib import Path

from pipeline.settings import S3Settings
from pipeline.source import open_source
from tests.servers import upload_folder


def test_real_data_is_listed_alike_from_bucket_and_folder(
    s3_endpoint: str, s3_bucket: Callable[[], str], real_data: Path
) -> None:
    """Each real set has the expected number of archives, with the same keys, sizes, key parts and bytes on S3."""
    expected = json.loads((real_data / "expected.json").read_text())
    settings = S3Settings(endpoint_url=s3_endpoint)
    bucket = s3_bucket()
    for name, counts in expected.items():
        assert upload_folder(s3_endpoint, bucket, real_data / "bucket" / name, f"{name}/") == counts["archives"]
        remote = pickle.loads(pickle.dumps(open_source(f"s3://{bucket}/{name}", settings)))
        local = open_source(str(real_data / "bucket" / name), settings)
        there, here = list(remote.list_objects()), list(local.list_objects())
        assert len(here) == counts["archives"]
        assert [(one.key, one.size, one.archive_key) for one in there] == [
            (one.key, one.size, one.archive_key) for one in here
        ]
        got = [(one.key, data) for one, data in remote.fetch_objects(there)]
        assert got == [(one.key, data) for one, data in local.fetch_objects(here)]
