import hashlib
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.flatten import ArchiveRecords, hash_archives, hashing
from pipeline.flatten.hashing import hash_spans
from tests.archive.hostile import text
from tests.flatten.test_flatten import _archive, _flatten

_ROOT = Path(__file__).resolve().parents[2]
_AROUND_BLOCK_ENDS = st.builds(lambda blocks, more: max(0, 64 * blocks + more), st.integers(0, 6), st.integers(-10, 10))
_LENGTHS = st.one_of(_AROUND_BLOCK_ENDS, st.integers(0, 700))


def _sha256(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def _spans(lengths: list[int]) -> tuple[bytes, np.ndarray, np.ndarray]:
    """Bytes that do not repeat at a block's width, cut into spans of some lengths."""
    data = bytes(number * 131 % 251 for number in range(sum(lengths)))
    ends = np.cumsum(lengths, dtype=np.int64)
    return data, ends - np.array(lengths, dtype=np.int64), ends


def _hash(data: bytes, starts: np.ndarray, ends: np.ndarray, how: object = hash_spans) -> list[bytes]:
    base = np.frombuffer(data + b"\0", dtype=np.uint8)
    return [bytes(row) for row in how(starts + base.ctypes.data, ends + base.ctypes.data)]  # type: ignore[operator]


@settings(deadline=None)
@given(st.lists(_LENGTHS, min_size=1, max_size=12))
def test_spans_hash_as_hashlib_hashes_them(lengths: list[int]) -> None:
    """Each span has its own digest, that of ``hashlib``, however the bytes are shared out between the lanes."""
    data, starts, ends = _spans(lengths)
    expected = [_sha256(data[start:end]) for start, end in zip(starts, ends, strict=True)]
    assert _hash(data, starts, ends) == expected
    functions = hashing._find_functions()
    if functions:
        assert _hash(data, starts, ends, lambda *spans: hashing._hash_natively(functions, *spans)) == expected


@settings(deadline=None)
@given(st.lists(st.tuples(st.binary(max_size=200), st.binary(max_size=700)), max_size=4), st.data())
def test_archives_and_their_records_hash_as_hashlib_hashes_them(
    archives: list[tuple[bytes, bytes]], draw: st.DataObject
) -> None:
    """Records that cover the archive, a part of it, nothing, or more than once: whichever lane ends first."""
    places = [st.integers(0, len(data)) for _, data in archives]
    pairs = [draw.draw(st.lists(st.tuples(place, place).map(sorted), max_size=8)) for place in places]
    spans = [tuple(np.array([pair[side] for pair in found], dtype=np.int64) for side in (0, 1)) for found in pairs]
    hashed = hash_archives([stored for stored, _ in archives], [data for _, data in archives], spans)
    assert [found[:2] for found in hashed] == [
        (hashlib.sha256(stored).hexdigest(), hashlib.sha256(data).hexdigest()) for stored, data in archives
    ]
    assert [[bytes(row) for row in found.records] for found in hashed] == [
        [_sha256(data[start:end]) for start, end in found] for (_, data), found in zip(archives, pairs, strict=True)
    ]


def test_every_length_up_to_five_blocks() -> None:
    """As the archive, and as its one record beside one that is three bytes shorter."""
    for length in range(321):
        data, starts, ends = _spans([length])
        [found] = hash_archives([data[5:]], [data], [(starts, np.maximum(ends - 3, 0))])
        assert found[:2] == (hashlib.sha256(data[5:]).hexdigest(), hashlib.sha256(data).hexdigest())
        assert bytes(found.records[0]) == _sha256(data[: max(length - 3, 0)])


@pytest.mark.soak
def test_lengths_beyond_32_bits_of_bits() -> None:
    """A message of over half a GiB has a length in bits that takes five bytes."""
    data = bytes(2**29 + 5)
    nothing = np.empty(0, dtype=np.int64)
    [found] = hash_archives([b""], [data], [(nothing, nothing)])
    assert found.inflated == hashlib.sha256(data).hexdigest()


def test_known_digests_are_taken_and_missing_ones_made() -> None:
    """A batch of archives some of which bring their digests: each row has its own record's."""
    records = [text(number) for number in range(9)]
    made = [_archive("a", *records[:4]), _archive("b", *records[4:5]), _archive("c", *records[5:])]
    for number in (0, 2):
        found = made[number]
        [(_, _, digests)] = hash_archives([b""], [found.buffer], [(found.starts, found.ends)])
        made[number] = ArchiveRecords(
            found.buffer, found.starts, found.ends, found.indexes, found.strict, found.archive, digests=digests
        )
    rows = _flatten(*made).batch
    assert rows["record_sha256"].to_pylist() == [_sha256(record).hex() for record in records]


@pytest.mark.parametrize("has_openssl", [True, False])
def test_without_instructions_for_it_openssl_or_hashlib_do_the_work(has_openssl: bool) -> None:
    """A processor without them, and an interpreter whose OpenSSL hides its plain functions: the same digests."""
    code = (
        "import hashlib, numpy as np\n"
        "from pipeline.flatten import hashing\n"
        "hashing.has_entry = lambda name: False\n"
        f"if not {has_openssl}: hashing._FUNCTIONS = ('SHA256_Init', 'no_such_function', 'SHA256_Final')\n"
        "starts, ends = np.array([0, 3, 6], dtype=np.int64), np.array([3, 6, 6], dtype=np.int64)\n"
        "[(stored, whole, found)] = hashing.hash_archives([b'gz'], [b'abcdef'], [(starts, ends)])\n"
        "assert not hashing._has_lanes()\n"
        f"assert {has_openssl} or hashing._find_functions() == ()\n"
        "assert stored == hashlib.sha256(b'gz').hexdigest()\n"
        "assert whole == hashlib.sha256(b'abcdef').hexdigest()\n"
        "assert [bytes(row) for row in found] == [hashlib.sha256(x).digest() for x in (b'abc', b'def', b'')]\n"
        "print('same')\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=_ROOT, check=True)
    assert done.stdout.strip() == "same"


def test_wrong_digests_are_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lanes that fail their test are not used."""
    monkeypatch.setattr(hashing, "has_entry", lambda name: True)
    monkeypatch.setattr(hashing, "_hash_in_halves", lambda starts, ends: hashing._hash_in_python(ends, ends))
    assert hashing._has_lanes.__wrapped__() is False
