"""Archives in a folder."""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from pipeline.errors import ObjectChangedError, SourceError, UsageError
from pipeline.settings import S3Settings
from pipeline.source import ArchiveKey, ListedObject, ObjectKind, Source, open_source

KEY = "AWSLogs/011122223333/CloudTrail/us-east-1/2024/01/05/011122223333_CloudTrail_us-east-1_20240105T0010Z_x.json.gz"


def write(folder: Path, key: str, data: bytes = b"{}") -> Path:
    """Put a file below a folder."""
    path = folder / key
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def open_folder(folder: Path) -> Source:
    """A source of this folder, as a worker process would get it."""
    source: Source = pickle.loads(pickle.dumps(open_source(str(folder), S3Settings())))
    return source


def test_a_file_is_listed_whole(tmp_path: Path) -> None:
    """A listed file carries its absolute percent-encoded URI, size, version, time and the parts of its key."""
    folder = tmp_path / "ü b"
    path = write(folder, KEY, b"abc")
    os.utime(path, ns=(0, 1_700_000_000_123_456_789))
    source = open_folder(folder)
    base = f"file://{tmp_path!s}/%C3%BC%20b/"
    assert source.uri == base
    assert list(source.list_objects()) == [
        ListedObject(
            uri=base + KEY,
            key=KEY,
            version="3-1700000000123456789",
            size=3,
            modified_at=datetime(2023, 11, 14, 22, 13, 20, 123456, tzinfo=UTC),
            source_uri=base,
            archive_key=ArchiveKey(
                ObjectKind.ARCHIVE,
                "011122223333",
                "us-east-1",
                None,
                date(2024, 1, 5),
                datetime(2024, 1, 5, 0, 10, tzinfo=UTC),
            ),
            bucket="",
            object_key=KEY,
        )
    ]
    assert list(open_source(base, S3Settings()).list_objects()) == list(source.list_objects())


def test_keys_come_sorted_as_a_bucket_sorts_them(tmp_path: Path) -> None:
    """A folder sorts with its slash, so that a folder and a bucket list the same tree in the same order."""
    keys = ["a-b/x.json", "a.json", "a/b.json", "a/b/c.json", "a0.json", "é/1.json"]
    for key in keys:
        write(tmp_path, key)
    assert [one.key for one in open_folder(tmp_path).list_objects()] == sorted(keys) == keys


def test_a_source_below_the_root_still_tells_account_region_and_day(tmp_path: Path) -> None:
    """Given the folder of a year, keys are relative to it and their parts come from its path."""
    write(tmp_path, KEY)
    (one,) = open_folder(tmp_path / "AWSLogs/011122223333/CloudTrail/us-east-1/2024").list_objects()
    assert (one.key, one.archive_key.account_id, one.archive_key.delivery_date) == (
        KEY.partition("/2024/")[2],
        "011122223333",
        date(2024, 1, 5),
    )


def test_a_file_that_changes_or_goes_is_never_read_in_part(tmp_path: Path) -> None:
    """Another content, another time or no file any more: ObjectChangedError names it, and the neighbour is read."""
    for name in ("a", "b", "c", "d"):
        write(tmp_path, f"{name}.json", b"12345")
    source = open_folder(tmp_path)
    listed = list(source.list_objects())
    write(tmp_path, "a.json", b"123456")
    os.utime(tmp_path / "b.json", ns=(0, 1))
    (tmp_path / "c.json").unlink()
    outcomes = [(one.key, outcome) for one, outcome in source.fetch_objects(listed)]
    assert [key for key, _ in outcomes] == ["a.json", "b.json", "c.json", "d.json"]
    for (key, outcome), one in zip(outcomes[:3], listed, strict=False):
        assert isinstance(outcome, ObjectChangedError)
        assert one.uri in str(outcome) and key in one.uri
    assert outcomes[3] == ("d.json", b"12345")


def test_what_is_no_regular_file_is_named_not_read(tmp_path: Path) -> None:
    """A pipe does not block, a link to nowhere is not passed over: both are listed, and reading them names them."""
    os.mkfifo(tmp_path / "a.json")
    (tmp_path / "b.json").symlink_to(tmp_path / "nowhere")
    for one, outcome in open_folder(tmp_path).fetch_objects(list(open_folder(tmp_path).list_objects())):
        assert isinstance(outcome, SourceError)
        assert one.uri in str(outcome)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every file")
def test_a_file_that_may_not_be_read_is_named(tmp_path: Path) -> None:
    """No permission is a SourceError that names the file and says why."""
    write(tmp_path, "a.json").chmod(0)
    source = open_folder(tmp_path)
    (one,) = source.list_objects()
    with pytest.raises(SourceError, match=r"Permission denied.*a\.json"):
        source.fetch_object(one)


def test_links_are_followed_but_not_round_in_circles(tmp_path: Path) -> None:
    """A linked folder is listed once; a link back to a folder above it ends there."""
    write(tmp_path / "there", "x.json")
    write(tmp_path / "here", "y.json")
    (tmp_path / "here" / "linked").symlink_to(tmp_path / "there")
    (tmp_path / "there" / "back").symlink_to(tmp_path / "here")
    (tmp_path / "here" / "self").symlink_to(tmp_path / "here")
    assert [one.key for one in open_folder(tmp_path / "here").list_objects()] == ["linked/x.json", "y.json"]


def test_names_that_are_no_text_are_listed_and_read(tmp_path: Path) -> None:
    """A name with a newline, or with bytes that are no UTF-8, gives a key that any store accepts, and its bytes."""
    folder = os.fsencode(tmp_path)
    for name in (b"a\nb.json", b"x\xff.json"):
        Path(os.fsdecode(folder + b"/" + name)).write_bytes(name)
    source = open_folder(tmp_path)
    listed = list(source.list_objects())
    assert [one.key for one in listed] == ["a\nb.json", "x\\xff.json"]
    assert [one.uri.rpartition("/")[2] for one in listed] == ["a%0Ab.json", "x%FF.json"]
    assert [data for _, data in source.fetch_objects(listed)] == [b"a\nb.json", b"x\xff.json"]


def test_metadata_stands_beside_a_digest(tmp_path: Path) -> None:
    """A digest's metadata file is no object; its members come back in lower case, without S3's prefix."""
    name = "011122223333_CloudTrail-Digest_us-east-1_t_us-east-1_20240105T001000Z.json.gz"
    write(tmp_path, name)
    write(tmp_path, f"{name}.metadata.json", json.dumps({"X-Amz-Meta-Signature": "ab", "other": "c"}).encode())
    write(tmp_path, "plain.json")
    source = open_folder(tmp_path)
    digest, plain = source.list_objects()
    assert digest.archive_key.kind is ObjectKind.DIGEST
    assert source.fetch_metadata(digest) == {"signature": "ab", "other": "c"}
    assert source.fetch_metadata(plain) == {}


@pytest.mark.parametrize("text", ["", "[]", '{"a": 1}', "{", '"' + "x" * 70_000 + '"', "[" * 60_000])
def test_broken_metadata_is_named(tmp_path: Path, text: str) -> None:
    """Metadata that is no JSON object of texts is a SourceError that names its file."""
    write(tmp_path, "d.json")
    source = open_folder(tmp_path)
    (one,) = source.list_objects()
    write(tmp_path, "d.json.metadata.json", text.encode())
    with pytest.raises(SourceError, match=r"d\.json\.metadata\.json"):
        source.fetch_metadata(one)


def test_wrong_use_is_told_in_a_sentence(tmp_path: Path) -> None:
    """No such folder, a file, another scheme, nothing at all: a UsageError that says what to give instead."""
    path = write(tmp_path, "x.json")
    cases: list[tuple[str, str]] = [
        (str(tmp_path / "none"), "no such folder"),
        (str(path), "is a file, not a folder"),
        ("gs://bucket/x", "neither s3://bucket/prefix nor a folder"),
        ("", "neither s3://bucket/prefix nor a folder"),
        ("a\0b", "not a usable path"),
    ]
    for given, words in cases:
        with pytest.raises(UsageError, match=words):
            open_source(given, S3Settings())


def test_an_empty_folder_says_so(tmp_path: Path) -> None:
    """Nothing to list yields nothing, and the source has the sentence for it."""
    source = open_folder(tmp_path)
    assert list(source.list_objects()) == []
    assert source.describe_empty() == f"no file in the folder {source.uri}"


def test_a_worker_that_reads_folders_does_not_load_boto3(tmp_path: Path) -> None:
    """Opening and reading a folder leaves boto3 unimported: it costs each worker a quarter of a second."""
    write(tmp_path, "x.json")
    code = (
        "import sys; from pipeline.settings import S3Settings; from pipeline.source import open_source\n"
        f"s = open_source({str(tmp_path)!r}, S3Settings()); [s.fetch_object(o) for o in s.list_objects()]\n"
        "print([m for m in ('boto3', 'botocore', 'ssl', 'pyarrow') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
