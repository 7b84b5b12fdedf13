"""The lean signer says what botocore's says."""

from __future__ import annotations

from datetime import UTC, datetime
from unittest.mock import patch

from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import given
from hypothesis import strategies as st

from pipeline.source.signing import quote_key, sign_get

AT = datetime(2024, 1, 5, 0, 10, 1, tzinfo=UTC)


@given(st.text(min_size=1, max_size=40), st.sampled_from(["eu-west-1", "us-gov-east-1"]), st.none() | st.just("tok/+="))
def test_signature_equals_botocores(key: str, region: str, token: str | None) -> None:
    """For any key, region and credentials the header lines are those of botocore's own signer."""
    try:
        path = "/bucket/" + quote_key(key)
    except UnicodeEncodeError:
        return  # a lone surrogate cannot be a key
    request = AWSRequest("GET", f"https://s3.example:9000{path}")
    with patch("botocore.auth.get_current_datetime", return_value=AT.replace(tzinfo=None)):
        S3SigV4Auth(Credentials("AKIAEXAMPLE", "secret/key", token), "s3", region).add_auth(request)
    lines = sign_get(
        "s3.example:9000", path, AT, region=region, access_key="AKIAEXAMPLE", secret_key="secret/key", token=token
    )
    ours = dict(line.split(": ", 1) for line in lines.split("\r\n") if line)
    theirs = {name: value for name, value in request.headers.items() if name.lower() in {n.lower() for n in ours}}
    assert {name.lower(): value.replace(", ", ",") for name, value in theirs.items()} == {
        name.lower(): value for name, value in ours.items()
    }
    assert len(ours) == (4 if token else 3)
