"""Fetching from S3 while things break: every object comes whole, or an error names it."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable, Iterator

import pytest

from benchmarks.s3_static.server import serve
from benchmarks.s3_static.store import Store
from pipeline.errors import ObjectChangedError, SourceError
from pipeline.settings import S3Settings
from pipeline.source import Source, open_source
from pipeline.source import lane as lane_module
from tests.servers import Fault, FaultProxy, plan_faults

BROKEN = (Fault.ERROR_500, Fault.SLOW_DOWN, Fault.TRUNCATE, Fault.STALL, Fault.RESET)


def make_objects(count: int, seed: int = 1) -> dict[str, bytes]:
    """Archives of a day: bodies of some bytes to some hundred kilobytes, one of them empty."""
    draw = random.Random(seed)
    name = "AWSLogs/011122223333/CloudTrail/us-east-1/2024/01/05/{:05d}.json.gz"
    sizes = [0, 1, 300_000, *(draw.randrange(2, 30_000) for _ in range(count - 3))]
    return {name.format(at): draw.randbytes(size) for at, size in enumerate(sizes)}


def settings_for(url: str, **more: float) -> S3Settings:
    """Settings that give up on a stalled answer soon."""
    return S3Settings(
        endpoint_url=url, read_timeout_seconds=more.get("read", 1.0), concurrency=int(more.get("lanes", 8))
    )


@pytest.fixture
def objects() -> dict[str, bytes]:
    """Sixty archives."""
    return make_objects(60)


@pytest.fixture
def endpoint(objects: dict[str, bytes]) -> Iterator[str]:
    """A server of these objects."""
    with serve(Store.from_bytes(objects)) as (url, _):
        yield url


def fetch_all(source: Source) -> list[tuple[str, bytes | SourceError]]:
    """List and fetch everything."""
    return [(one.key, outcome) for one, outcome in source.fetch_objects(list(source.list_objects()))]


def test_objects_come_in_order_and_whole(endpoint: str, objects: dict[str, bytes]) -> None:
    """Concurrent GETs come back in the given order, the empty and the large one included."""
    source = open_source("s3://trail", settings_for(endpoint))
    assert fetch_all(source) == sorted(objects.items())
    listed = list(source.list_objects())
    assert source.fetch_object(listed[2]) == objects[listed[2].key]


def test_each_object_costs_one_request(objects: dict[str, bytes]) -> None:
    """One GET an object and one LIST a page: what a run costs is what it reads."""
    with serve(Store.from_bytes(objects)) as (url, requests):
        fetch_all(open_source("s3://trail", settings_for(url)))
    assert dict(requests) == {"LIST": 2, "GET": len(objects)}  # one LIST to see that the bucket is there


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_fifth_of_all_requests_failing_loses_nothing(endpoint: str, objects: dict[str, bytes], seed: int) -> None:
    """500, SlowDown, cut bodies, stalls and resets on every fifth request: each object whole or named, none wrong."""
    with FaultProxy(endpoint, plan_faults(seed, 0.2, BROKEN)) as proxy:
        source = open_source("s3://trail", settings_for(proxy.url))
        outcomes = fetch_all(source)
        assert proxy.injected.total() > 0
    assert [key for key, _ in outcomes] == sorted(objects)
    for key, outcome in outcomes:
        if isinstance(outcome, SourceError):
            assert key in str(outcome)
        else:
            assert hashlib.sha256(outcome).digest() == hashlib.sha256(objects[key]).digest()
    assert sum(isinstance(outcome, bytes) for _, outcome in outcomes) == len(objects), "ten attempts outlast these"


@pytest.mark.parametrize("fault", BROKEN)
def test_an_object_that_always_fails_is_named(endpoint: str, objects: dict[str, bytes], fault: Fault) -> None:
    """Where one object fails whatever is tried, its error names it and its neighbours come whole."""
    bad = sorted(objects)[2]
    plan = plan_faults(1, 1.0, (fault,), is_chosen=lambda method, path: path.endswith(bad.rpartition("/")[2]))
    with FaultProxy(endpoint, plan, stall_seconds=0.4) as proxy:
        settings = S3Settings(endpoint_url=proxy.url, max_attempts=2, read_timeout_seconds=0.2, concurrency=8)
        outcomes = dict(fetch_all(open_source("s3://trail", settings)))
    error = outcomes.pop(bad)
    assert isinstance(error, SourceError)
    assert f"s3://trail/{bad}" in str(error)
    assert outcomes == {key: data for key, data in objects.items() if key != bad}


@pytest.mark.parametrize("is_kept_size", [True, False])
def test_an_object_that_changes_after_its_listing_is_never_mixed(
    endpoint: str, objects: dict[str, bytes], s3_endpoint: str, s3_bucket: Callable[[], str], is_kept_size: bool
) -> None:
    """Replaced between LIST and GET, of the same size or not: ObjectChangedError, never the other version's bytes."""
    from tests.servers import make_test_client

    bucket, client = s3_bucket(), make_test_client(s3_endpoint)
    for key in ("a.json", "b.json", "c.json"):
        client.put_object(Bucket=bucket, Key=key, Body=b"first")
    body = b"other" if is_kept_size else b"another"

    def change(path: str) -> None:
        client.put_object(Bucket=bucket, Key="b.json", Body=body)

    plan = plan_faults(1, 1.0, (Fault.CHANGE,), is_chosen=lambda method, path: path.endswith("/b.json"))
    with FaultProxy(s3_endpoint, plan, change=change) as proxy:
        outcomes = dict(fetch_all(open_source(f"s3://{bucket}", settings_for(proxy.url))))
    client.close()
    assert (outcomes["a.json"], outcomes["c.json"]) == (b"first", b"first")
    assert isinstance(outcomes["b.json"], ObjectChangedError)
    assert f"s3://{bucket}/b.json" in str(outcomes["b.json"])


def test_an_object_that_is_deleted_after_its_listing_is_named(s3_endpoint: str, s3_bucket: Callable[[], str]) -> None:
    """Gone between LIST and GET: ObjectChangedError says that it was deleted."""
    from tests.servers import make_test_client

    bucket, client = s3_bucket(), make_test_client(s3_endpoint)
    client.put_object(Bucket=bucket, Key="a.json", Body=b"{}")
    source = open_source(f"s3://{bucket}", settings_for(s3_endpoint))
    (one,) = source.list_objects()
    client.delete_object(Bucket=bucket, Key="a.json")
    client.close()
    ((_, outcome),) = source.fetch_objects([one])
    assert isinstance(outcome, ObjectChangedError)
    assert str(outcome) == f"the object was deleted since it was listed (s3://{bucket}/a.json)"


def test_bytes_in_flight_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """A consumer that takes nothing stops the fetching at the bound; an object beyond the bound still comes."""
    objects = {f"{at:03d}.json": bytes([at]) * 10_000 for at in range(40)} | {"999.json": b"x" * 200_000}
    monkeypatch.setattr(lane_module, "BYTES_IN_FLIGHT", 100_000)
    with serve(Store.from_bytes(objects)) as (url, requests):
        source = open_source("s3://trail", settings_for(url))
        outcomes = source.fetch_objects(list(source.list_objects()))
        assert next(outcomes)[1] == objects["000.json"]
        before = -1
        while requests["GET"] != before:  # until nothing more is asked for
            before = requests["GET"]
            import time

            time.sleep(0.2)
        assert 0 < before <= 9
        assert [data for _, data in outcomes] == [objects[key] for key in sorted(objects)][1:]


def test_a_consumer_that_stops_early_leaves_a_working_source(endpoint: str, objects: dict[str, bytes]) -> None:
    """Dropping the iterator half way cancels what is under way; the next fetch of the same source is whole."""
    source = open_source("s3://trail", settings_for(endpoint, lanes=4))
    listed = list(source.list_objects())
    outcomes = source.fetch_objects(listed)
    assert next(outcomes)[1] == objects[listed[0].key]
    del outcomes
    assert fetch_all(source) == sorted(objects.items())
    assert list(source.fetch_objects([])) == []
