import ctypes
import gzip
import os
import random
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.archive import inflate_archive, open_archive
from pipeline.errors import ArchiveError
from pipeline.settings import Caps

_ROOT = Path(__file__).resolve().parents[2]
_PLAIN = b'{"Records":[{"eventVersion":"1.08"}]}'
_ZIPPED = gzip.compress(_PLAIN, mtime=0)


def _member(flags: int, header: bytes) -> bytes:
    """A gzip member with optional header parts."""
    deflated = zlib.compress(_PLAIN)[2:-4]
    return (
        b"\x1f\x8b\x08"
        + bytes([flags])
        + bytes(6)
        + header
        + deflated
        + struct.pack("<II", zlib.crc32(_PLAIN), len(_PLAIN))
    )


def _header_crc(flags: int, header: bytes) -> bytes:
    crc = zlib.crc32(b"\x1f\x8b\x08" + bytes([flags]) + bytes(6) + header) & 0xFFFF
    return header + struct.pack("<H", crc)


@pytest.mark.parametrize(
    "stored",
    [
        _PLAIN,
        _ZIPPED,
        _member(0x04, b"\x03\x00abc"),
        _member(0x08, b"name.json\0"),
        _member(0x18, b"name\0comment\0"),
        _member(0x1E, _header_crc(0x1E, b"\x01\x00xname\0comment\0")),
    ],
    ids=["plain", "gzip", "extra", "name", "name and comment", "all and header crc"],
)
def test_every_form_of_gzip_header_is_read(stored: bytes) -> None:
    """Optional parts of the header are passed over; plain JSON is passed on."""
    assert inflate_archive(stored, Caps()) == _PLAIN


@pytest.mark.parametrize("length", range(len(_ZIPPED)))
def test_a_cut_at_any_byte_is_named(length: int) -> None:
    """No prefix of an archive is taken for a whole one."""
    with pytest.raises(ArchiveError) as caught:
        inflate_archive(_ZIPPED[:length], Caps())
    assert caught.value.reason == {0: "zero_bytes", 1: "not_gzip"}.get(length, "truncated_gzip")


@pytest.mark.parametrize("at", range(10, len(_ZIPPED)))
def test_no_changed_byte_goes_unseen(at: int) -> None:
    """Any flipped bit behind the fixed header is found, but for the padding of the stream's last byte."""
    stored = _ZIPPED[:at] + bytes([_ZIPPED[at] ^ 0x10]) + _ZIPPED[at + 1 :]
    try:
        assert (inflate_archive(stored, Caps()), at) == (_PLAIN, len(_ZIPPED) - 9)
    except ArchiveError as error:
        assert error.reason


_OTHER = gzip.compress(bytes(reversed(_PLAIN)), mtime=0)


@pytest.mark.parametrize(
    ("after", "reason"),
    [
        (_OTHER, "second_member"),
        (_ZIPPED, "second_member"),
        (b"junk" + _ZIPPED[-8:], "trailing_bytes"),
        (_ZIPPED[-4:], "trailing_bytes"),
        (b"\0", "trailing_bytes"),
    ],
    ids=["member of the same size", "same member", "same trailer", "same size", "one byte"],
)
def test_what_stands_behind_a_member_is_named(after: bytes, reason: str) -> None:
    """Also where it ends as the member does: a second archive may not ride along unread."""
    with pytest.raises(ArchiveError) as caught:
        inflate_archive(_ZIPPED + after, Caps())
    assert caught.value.reason == reason


@pytest.mark.parametrize("fill", range(4))
@pytest.mark.parametrize("between", range(5))
def test_what_stands_behind_a_large_member_is_named(fill: int, between: int) -> None:
    """At every distance and alignment: large objects are searched several bytes at a time."""
    plain = b"[" + random.Random(7).randbytes(40_000 + fill) + b"]"
    stored = gzip.compress(plain, 1, mtime=0)
    assert inflate_archive(stored, Caps()) == plain
    with pytest.raises(ArchiveError) as caught:
        inflate_archive(stored + bytes(between) + stored[-4:], Caps())
    assert caught.value.reason == "trailing_bytes"


def test_a_nul_stands_behind_what_comes_out() -> None:
    """Compiled code reads up to it, whatever kind of object holds the bytes."""
    for stored in (_ZIPPED, _PLAIN, gzip.compress(os.urandom(70_000), 1)):
        data = open_archive(stored, Caps(ratio=10_000)) if stored is not _PLAIN else _PLAIN
        held = pa.py_buffer(data)
        assert ctypes.string_at(held.address + held.size, 1) == b"\0"


def test_the_size_may_stand_in_the_content_too() -> None:
    """Bytes that look like the trailer's size within the stream are no end."""
    data = struct.pack("<I", 64) * 16
    stored = zlib.compressobj(0, zlib.DEFLATED, 31)
    assert inflate_archive(stored.compress(data) + stored.flush(), Caps()) == data


def _judge(stored: bytes, caps: Caps) -> bytes | str:
    try:
        return inflate_archive(stored, caps)
    except ArchiveError as error:
        return error.reason


@given(
    st.binary(max_size=400),
    st.integers(0, 9),
    st.lists(st.tuples(st.sampled_from("sidc"), st.integers(0, 1000), st.binary(min_size=1, max_size=9)), max_size=3),
    st.sampled_from([Caps(), Caps(inflated_bytes=100), Caps(ratio_free_bytes=50, ratio=2)]),
)
def test_going_in_one_go_changes_no_verdict(
    content: bytes, level: int, changes: list[tuple[str, int, bytes]], caps: Caps
) -> None:
    """Whatever is done to a member, its content or the reason are what the steps alone give."""
    stored = gzip.compress(content, level, mtime=0)
    for kind, place, put in changes:
        at = place % (len(stored) + 1)
        kept = {"s": len(put), "i": 0, "d": len(put), "c": len(stored)}[kind]
        stored = stored[:at] + (b"" if kind in "dc" else put) + stored[at + kept :]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("pipeline.archive.inflate._inflate_whole", lambda *_: None)
        expected = _judge(stored, caps)
    assert _judge(stored, caps) == expected


@given(st.binary(max_size=300))
def test_any_bytes_inflate_or_raise_archive_error(data: bytes) -> None:
    """Nothing else is ever raised, with or without a gzip header before the bytes."""
    for stored in (data, _ZIPPED[:10] + data, b"\x1f\x8b\x08" + data):
        try:
            inflate_archive(stored, Caps())
        except ArchiveError as error:
            assert error.reason


@pytest.mark.parametrize("size", [0, 1, (1 << 16) - 1, 3 << 20, (64 << 20) + 7])
def test_sizes_around_the_steps_come_out_whole(size: int) -> None:
    """One step, many steps, and sizes that are measured first give the same bytes."""
    data = os.urandom(1024) * (size // 1024 + 1)
    assert inflate_archive(gzip.compress(data[:size], 1), Caps(ratio=10_000)) == data[:size]


@pytest.mark.parametrize("claimed", [0, 5, 1 << 31])
def test_a_lying_size_is_found(claimed: int) -> None:
    """The size in the trailer is a hint until it is proved."""
    stored = gzip.compress(b"x" * 100_000)[:-4] + struct.pack("<I", claimed)
    with pytest.raises(ArchiveError) as caught:
        inflate_archive(stored, Caps())
    assert caught.value.reason == "bad_length"


@pytest.mark.parametrize(
    ("caps", "reason"),
    [
        (Caps(inflated_bytes=1000), "too_large"),
        (Caps(ratio_free_bytes=1000, ratio=2), "ratio"),
        (Caps(ratio_free_bytes=1000, ratio=2000), ""),
    ],
)
def test_caps_hold(caps: Caps, reason: str) -> None:
    """The cap on bytes, and the cap on the ratio beyond the free bytes."""
    stored = gzip.compress(b"x" * 100_000)
    try:
        inflate_archive(stored, caps)
        assert reason == ""
    except ArchiveError as error:
        assert error.reason == reason


def test_a_plain_file_is_capped_too() -> None:
    """Plain JSON cannot pass the cap by not being compressed."""
    with pytest.raises(ArchiveError, match="cap"):
        inflate_archive(b"[" + b" " * 2000, Caps(inflated_bytes=1000))


_BOMB = """
import gzip, io, sys
from pathlib import Path
from pipeline.archive import inflate_archive, split_records
from pipeline.errors import ArchiveError
from pipeline.settings import Caps
out = io.BytesIO()
with gzip.GzipFile(fileobj=out, mode="wb", compresslevel=1) as file:
    for _ in range(1500):
        file.write(bytes(1 << 20))
stored = out.getvalue() + b""
stored = stored[:-4] + int(sys.argv[1]).to_bytes(4, "little")
try:
    inflate_archive(stored, Caps(ratio=2000))
except ArchiveError as error:
    status = Path("/proc/self/status").read_text()
    print(error.reason, status.split("VmHWM:")[1].split()[0])  # ru_maxrss would count the parent before exec
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="resident memory is read from /proc")
@pytest.mark.parametrize("claimed", [1500 << 20, 100])
def test_a_bomb_takes_no_memory(claimed: int) -> None:
    """1.5 GB of zeros, with a true and with a lying size, are refused within 160 MB of resident memory."""
    done = subprocess.run(
        [sys.executable, "-c", _BOMB, str(claimed)], capture_output=True, text=True, cwd=_ROOT, timeout=120, check=True
    )
    reason, resident = done.stdout.split()
    assert (reason, int(resident) < 160 * 1024) == ("too_large", True)
