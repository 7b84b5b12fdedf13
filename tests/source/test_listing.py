"""Listing a bucket: whole, sorted, pruned by day, and the same as a folder's listing."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from datetime import date
from pathlib import Path
from typing import Any, Self

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.s3_static.server import serve
from benchmarks.s3_static.store import Page, Store
from pipeline.errors import SourceError
from pipeline.settings import S3Settings
from pipeline.source import open_source
from tests.servers import Fault, FaultProxy, plan_faults

DIGEST = "AWSLogs/011122223333/CloudTrail-Digest/us-east-1/2024/01/05/"
DIGEST += "011122223333_CloudTrail-Digest_us-east-1_t_us-east-1_20240105T001000Z.json.gz"


def make_keys() -> list[str]:
    """Two accounts, two regions, some days, other layouts and other logs in one tree."""
    keys = [
        f"AWSLogs/{account}/CloudTrail/{region}/{day}/{number}.json.gz"
        for account in ("011122223333", "999988887777")
        for region in ("us-east-1", "eu-west-1")
        for day in ("2023/12/31", "2024/01/01", "2024/01/05", "2024/02/01")
        for number in range(3)
    ]
    flat = "011122223333_CloudTrail_us-east-1_20240105T0010Z_x.json.gz"
    odd = ["incident.json", "exports/2024/01/05/x.json", f"exports/{flat}", "a b+c%20d/é&<>'\".json", "new\nline.json"]
    return sorted([*keys, *odd, DIGEST, "AWSLogs/011122223333/CloudTrail/us-east-1/2024/note.json"])


def fill(folder: Path, keys: list[str]) -> None:
    """Write a small file for each key."""
    for key in keys:
        path = folder / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(key.encode())


BOUNDS = [
    (None, None),
    (date(2024, 1, 1), None),
    (None, date(2024, 1, 5)),
    (date(2024, 1, 5), date(2024, 1, 6)),
    (date(2023, 12, 31), date(2024, 2, 1)),
    (date(2025, 1, 1), date(2025, 1, 2)),
]


def test_bucket_and_folder_list_the_same_tree_alike(tmp_path: Path) -> None:
    """Same keys, order, sizes and parts for every pair of bounds, from any level of the tree."""
    fill(tmp_path, make_keys())
    with serve(Store.from_folder(tmp_path)) as (url, _):
        for below in ("", "AWSLogs/011122223333/", "AWSLogs/011122223333/CloudTrail/us-east-1/2024/"):
            there = open_source(f"s3://trail/{below}", S3Settings(endpoint_url=url))
            here = open_source(str(tmp_path / below), S3Settings())
            for since, until in BOUNDS:
                remote = [(one.key, one.size, one.archive_key) for one in there.list_objects(since=since, until=until)]
                local = [(one.key, one.size, one.archive_key) for one in here.list_objects(since=since, until=until)]
                assert remote == local
            everything = [one.key for one in there.list_objects()]
            assert everything == [key.removeprefix(below) for key in make_keys() if key.startswith(below)]


def test_bounds_leave_out_days_and_nothing_else(tmp_path: Path) -> None:
    """One day's bound lists that day's objects and those that tell no date."""
    fill(tmp_path, make_keys())
    source = open_source(str(tmp_path), S3Settings())
    listed = [one.key for one in source.list_objects(since=date(2024, 1, 5), until=date(2024, 1, 6))]
    assert listed == [
        key
        for key in make_keys()
        if "2024/01/05" in key
        or "20240105" in key
        or key in {"incident.json", "a b+c%20d/é&<>'\".json", "new\nline.json"}
        or key.endswith("2024/note.json")
    ]


@pytest.mark.parametrize("layout", ["days", "flat", "accounts"])
def test_many_pages_are_listed_once_and_in_order(layout: str) -> None:
    """More objects than pages hold, deep or flat: each exactly once, sorted, with few requests beyond the pages."""
    names = {
        "days": "AWSLogs/011122223333/CloudTrail/us-east-1/2024/{0:02d}/{1:02d}/{2:04d}.json.gz",
        "flat": "copies/{0:02d}-{1:02d}-{2:04d}.json.gz",
        "accounts": "AWSLogs/{0:012d}/CloudTrail/eu-west-{1}/2024/01/05/{2:04d}.json.gz",
    }
    keys = sorted(names[layout].format(a, b, c) for a in range(1, 5) for b in range(1, 9) for c in range(320))
    with serve(Store.from_bytes(dict.fromkeys(keys, b"{}"))) as (url, requests):
        source = open_source("s3://trail", S3Settings(endpoint_url=url))
        assert [one.key for one in source.list_objects()] == keys
        assert requests["LIST"] < 75  # 11 pages at least; a folder at most costs one to split and one to list


class ShortPages(Store):
    """A store whose objects and longest page can be changed while it is served."""

    longest = 1000

    def page(self, prefix: str, delimiter: str, after: str, limit: int) -> Page:
        """At most ``longest`` keys and folders."""
        return super().page(prefix, delimiter, after, min(limit, self.longest))


def test_any_tree_in_any_page_size_is_listed_whole() -> None:
    """Whatever the keys and however short the pages, the listing is every key once, in order."""
    store = ShortPages({})
    with serve(store) as (url, _):
        source = open_source("s3://trail", S3Settings(endpoint_url=url, concurrency=4))

        @settings(max_examples=40, deadline=None)
        @given(
            st.sets(st.text("ab/-.", min_size=1, max_size=8).map(lambda text: text + ".json"), max_size=30),
            st.integers(1, 4),
        )
        def check(keys: set[str], longest: int) -> None:
            store.longest = longest
            store.__init__(Store.from_bytes(dict.fromkeys(keys, b"{}")).objects)  # type: ignore[misc]
            assert [one.key for one in source.list_objects()] == sorted(keys)
            assert [one.key for one in source.list_objects(since=date(2024, 1, 1))] == sorted(keys)

        check()


def test_directory_markers_and_metadata_are_no_objects() -> None:
    """An empty object that ends in a slash, and a digest's metadata copied beside it, are not listed."""
    stored = {"a/": b"", "a/x.json": b"{}", DIGEST: b"{}", f"{DIGEST}.metadata.json": b"{}", "b/": b"not empty"}
    with serve(Store.from_bytes(stored)) as (url, _):
        source = open_source("s3://trail", S3Settings(endpoint_url=url))
        assert [one.key for one in source.list_objects()] == [DIGEST, "a/x.json", "b/"]


def test_a_prefix_is_a_folder() -> None:
    """``s3://bucket/12`` lists ``12/``, not ``123/``; an empty one lists nothing and says so."""
    with serve(Store.from_bytes({"12/a.json": b"{}", "123/b.json": b"{}"})) as (url, _):
        source = open_source("s3://trail/12", S3Settings(endpoint_url=url))
        assert [(one.uri, one.key, one.object_key) for one in source.list_objects()] == [
            ("s3://trail/12/a.json", "a.json", "12/a.json")
        ]
        empty = open_source("s3://trail/none", S3Settings(endpoint_url=url))
        assert list(empty.list_objects()) == []
        assert empty.describe_empty() == "no object under s3://trail/none/"


def test_failing_pages_are_asked_for_again_or_end_the_listing() -> None:
    """A fifth of the pages failing changes nothing; a page that always fails is a SourceError, never a hole."""
    keys = [f"AWSLogs/{a:012d}/CloudTrail/us-east-1/2024/01/05/{n:04d}.json.gz" for a in range(3) for n in range(900)]
    broken = (Fault.ERROR_500, Fault.SLOW_DOWN, Fault.TRUNCATE, Fault.RESET)
    with serve(Store.from_bytes(dict.fromkeys(keys, b"{}"))) as (url, _):
        with FaultProxy(url, plan_faults(5, 0.2, broken)) as proxy:
            source = open_source("s3://trail", S3Settings(endpoint_url=proxy.url))
            assert [one.key for one in source.list_objects()] == keys
            assert proxy.injected.total() > 0
        plan = plan_faults(5, 1.0, (Fault.ERROR_500,), is_chosen=lambda _, path: "000000000002" in path)
        with FaultProxy(url, plan) as proxy:
            source = open_source("s3://trail", S3Settings(endpoint_url=proxy.url, max_attempts=2))
            with pytest.raises(SourceError, match="cannot list"):
                list(source.list_objects())


@pytest.mark.soak
def test_a_hundred_thousand_objects_are_listed_in_little_memory() -> None:
    """100,000 objects come once each and in order, while the process holds pages, not the listing."""
    import tracemalloc

    name = "AWSLogs/{0:012d}/CloudTrail/us-east-1/2024/{1:02d}/{2:02d}/{3:04d}.json.gz"
    keys = [name.format(a, m, d, n) for a in range(10) for m in (1, 2) for d in range(1, 26) for n in range(200)]
    with serve(Store.from_bytes(dict.fromkeys(keys, b"{}"))) as (url, _):
        source = open_source("s3://trail", S3Settings(endpoint_url=url))
        tracemalloc.start()
        count = sum(one.key == key for one, key in zip(source.list_objects(), keys, strict=True))
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert count == 100_000
    assert peak < 100 * 1024 * 1024


class _AtOnce:
    """An executor whose work is done when it is submitted: the order of events that a quick server can give."""

    def __init__(self, *_: object, **__: object) -> None:
        """Take what a pool takes."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing is left to wait for."""

    def submit(self, work: Callable[..., Any], *arguments: object) -> Future[Any]:
        """Do it now."""
        done: Future[Any] = Future()
        done.set_result(work(*arguments))
        return done


def test_a_listing_whose_pages_all_come_to_nothing_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A period without objects is an empty listing, however quickly the pages arrive; another has what a folder has."""
    monkeypatch.setattr("pipeline.source.listing.ThreadPoolExecutor", _AtOnce)
    fill(tmp_path, make_keys())
    with serve(Store.from_folder(tmp_path)) as (url, _):
        there, here = open_source("s3://trail/", S3Settings(endpoint_url=url)), open_source(str(tmp_path), S3Settings())
        for since, until in [(date(2031, 1, 1), date(2031, 1, 2)), *BOUNDS]:
            remote = [one.key for one in there.list_objects(since=since, until=until)]
            assert remote == [one.key for one in here.list_objects(since=since, until=until)]
