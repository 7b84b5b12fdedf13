"""Opening a bucket that cannot be opened: one sentence, exit code 2; and roles, processes, public keys."""

from __future__ import annotations

import base64
import json
import socket
import threading
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from multiprocessing import get_context

import pytest

from benchmarks.s3_static.server import serve
from benchmarks.s3_static.store import Store, Stored
from pipeline.errors import SourceError, UsageError
from pipeline.settings import S3Settings
from pipeline.source import ListedObject, PublicKey, Source, list_public_keys, open_source
from pipeline.source.addressing import find_address
from pipeline.source.s3_clients import make_client, make_session
from tests.servers import make_test_client


def test_no_such_bucket(s3_endpoint: str) -> None:
    """A bucket that is not there is told by name, with exit code 2."""
    with pytest.raises(UsageError, match="no such bucket: not-there") as caught:
        open_source("s3://not-there/x", S3Settings(endpoint_url=s3_endpoint))
    assert caught.value.exit_code == 2


def test_no_credentials(s3_endpoint: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without credentials the sentence says which variables or option to set."""
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    with pytest.raises(UsageError, match=r"no AWS credentials.*AWS_ACCESS_KEY_ID.*--profile"):
        open_source("s3://bucket", S3Settings(endpoint_url=s3_endpoint, concurrency=31))  # no client of another test


def test_an_endpoint_out_of_reach_is_told_soon() -> None:
    """A closed port or a text that is no URL is a UsageError, not ten back-offs."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
        with pytest.raises(UsageError, match="cannot reach S3"):
            open_source("s3://bucket", S3Settings(endpoint_url=url))
    with pytest.raises(UsageError, match="cannot use AWS as configured"):
        open_source("s3://bucket", S3Settings(endpoint_url="not a url"))


@pytest.mark.parametrize(
    ("source", "settings", "words"),
    [
        ("s3://", S3Settings(), "no bucket"),
        ("s3:///prefix", S3Settings(), "no bucket"),
        ("s3://a b/prefix", S3Settings(), "no bucket can be named 'a b'"),
        ("s3://bucket", S3Settings(profile="nobody"), "no such AWS profile"),
    ],
)
def test_wrong_use_is_told_in_a_sentence(source: str, settings: S3Settings, words: str) -> None:
    """No bucket, a name no bucket can have, a profile that is not there."""
    with pytest.raises(UsageError, match=words):
        open_source(source, settings)


def test_metadata_comes_from_the_object(s3_endpoint: str, s3_bucket: Callable[[], str]) -> None:
    """A digest's signature is in its object metadata."""
    bucket, client = s3_bucket(), make_test_client(s3_endpoint)
    client.put_object(Bucket=bucket, Key="d.json.gz", Body=b"{}", Metadata={"Signature": "ab12"})
    client.close()
    source = open_source(f"s3://{bucket}", S3Settings(endpoint_url=s3_endpoint))
    (one,) = source.list_objects()
    assert source.fetch_metadata(one) == {"signature": "ab12"}
    with pytest.raises(SourceError, match="replaced since it was listed"):
        source.fetch_metadata(ListedObject(**{name: getattr(one, name) for name in one.__slots__} | {"version": "x"}))


def read_all(source: Source) -> list[bytes | SourceError]:
    """What a worker process does."""
    return [outcome for _, outcome in source.fetch_objects(list(source.list_objects()))]


def test_worker_processes_open_their_own_connections() -> None:
    """A source that was already used here reads the same in forked and in spawned workers."""
    objects = {f"{at}.json": bytes([at]) * 1000 for at in range(8)}
    with serve(Store.from_bytes(objects)) as (url, _):
        source = open_source("s3://trail", S3Settings(endpoint_url=url))
        expected = read_all(source)
        assert expected == list(objects.values())
        with ProcessPoolExecutor(2, mp_context=get_context("forkserver")) as pool:
            assert list(pool.map(read_all, [source, source])) == [expected, expected]


def test_a_role_is_assumed_and_its_session_signs(
    s3_endpoint: str, s3_bucket: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a role ARN, requests carry the temporary credentials of AssumeRole."""
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", s3_endpoint)
    settings = S3Settings(endpoint_url=s3_endpoint, role_arn="arn:aws:iam::123456789012:role/reader")
    held = make_session(settings).get_credentials()
    assert held is not None
    assert held.get_frozen_credentials().access_key.startswith("ASIA")
    assert list(open_source(f"s3://{s3_bucket()}", settings).list_objects()) == []


@pytest.mark.parametrize(
    ("region", "bucket", "host", "path"),
    [
        ("us-east-1", "trail", "trail.s3.amazonaws.com", "/"),
        ("eu-central-1", "trail", "trail.s3.eu-central-1.amazonaws.com", "/"),
        ("eu-central-1", "with.dots", "s3.eu-central-1.amazonaws.com", "/with.dots/"),
        ("cn-north-1", "trail", "trail.s3.cn-north-1.amazonaws.com.cn", "/"),
    ],
)
def test_a_bucket_is_addressed_in_its_region(region: str, bucket: str, host: str, path: str) -> None:
    """The fast lane speaks TLS to the regional endpoint that boto3's own requests go to."""
    settings = S3Settings(region=region)
    address = find_address(make_client("s3", settings), settings, bucket)
    assert address is not None
    assert (address.host, address.port, address.base_path, address.region) == (host, 443, path, region)
    assert address.tls is not None and address.tls.check_hostname


def test_a_proxy_or_a_directory_bucket_is_left_to_boto3(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where an HTTP proxy stands between, only boto3 speaks; so for buckets with signing keys of their own."""
    settings = S3Settings(region="us-west-2")
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    assert find_address(make_client("s3", settings), settings, "trail") is None


class PublicKeys(BaseHTTPRequestHandler):
    """CloudTrail's ListPublicKeys in two pages."""

    def do_POST(self) -> None:
        """Answer by the token asked with."""
        asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
        assert self.headers["x-amz-target"].endswith(".ListPublicKeys")
        number = 2 if asked.get("NextToken") else 1
        key = {"Value": base64.b64encode(b"\x30" + bytes([number])).decode(), "Fingerprint": f"f{number}"}
        key |= {"ValidityStartTime": 1_700_000_000 - number, "ValidityEndTime": 1_700_000_100}
        body = json.dumps({"PublicKeyList": [key]} | ({"NextToken": "more"} if number == 1 else {})).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/x-amz-json-1.1")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


def test_public_keys_of_every_page_are_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    """All keys valid in the period, as bytes and UTC times, ordered by start."""
    server = HTTPServer(("127.0.0.1", 0), PublicKeys)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("AWS_ENDPOINT_URL_CLOUDTRAIL", f"http://127.0.0.1:{server.server_address[1]}")
    start, end = datetime(2023, 11, 14, tzinfo=UTC), datetime(2023, 11, 15, tzinfo=UTC)
    found = list_public_keys(S3Settings(), "eu-north-1", start, end)
    server.shutdown()
    server.server_close()
    end_at = datetime(2023, 11, 14, 22, 15, tzinfo=UTC)
    assert found == [
        PublicKey("f2", b"\x30\x02", datetime(2023, 11, 14, 22, 13, 18, tzinfo=UTC), end_at),
        PublicKey("f1", b"\x30\x01", datetime(2023, 11, 14, 22, 13, 19, tzinfo=UTC), end_at),
    ]


def test_the_static_server_serves_what_a_client_asks() -> None:
    """LIST with prefix and delimiter, HEAD with metadata, GET, If-Match and a missing key, as boto3 sees them."""
    stored = Store.from_bytes({"a/x y+é.json": b"1234", "b.json": b"5"})
    x = stored.objects["a/x y+é.json"]
    stored.objects["a/x y+é.json"] = Stored(x.size, x.etag, x.modified_at, x.data, metadata={"signature": "ab"})
    with serve(stored, delay_ms=1) as (url, requests):
        client = make_test_client(url)
        page = client.list_objects_v2(Bucket="any", Delimiter="/")
        assert [found["Prefix"] for found in page["CommonPrefixes"]] == ["a/"]
        assert [(found["Key"], found["Size"]) for found in page["Contents"]] == [("b.json", 1)]
        head = client.head_object(Bucket="any", Key="a/x y+é.json")
        assert (head["Metadata"], head["ContentLength"]) == ({"signature": "ab"}, 4)
        assert client.get_object(Bucket="any", Key="a/x y+é.json", IfMatch=head["ETag"])["Body"].read() == b"1234"
        for arguments, code in (
            ({"Key": "b.json", "IfMatch": '"x"'}, "PreconditionFailed"),
            ({"Key": "c"}, "NoSuchKey"),
        ):
            with pytest.raises(client.exceptions.ClientError) as caught:
                client.get_object(Bucket="any", **arguments)
            assert caught.value.response["Error"]["Code"] == code
        client.close()
    assert dict(requests) == {"LIST": 1, "HEAD": 1, "GET": 3}


def test_clients_of_one_process_share_a_session() -> None:
    """Eight threads that ask for clients of three regions get three, all with the credentials of one session."""
    settings = S3Settings(region="eu-west-1", concurrency=3)
    regions = ["us-east-1", "eu-west-1", "eu-north-1"] * 8
    with ThreadPoolExecutor(8) as pool:
        clients = list(pool.map(lambda region: make_client("cloudtrail", settings, region=region), regions))
    assert {client.meta.region_name for client in clients} == set(regions)
    assert {id(client._request_signer._credentials) for client in clients} == {
        id(make_session(settings).get_credentials())
    }
