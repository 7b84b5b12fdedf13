"""gzip opened under caps: an ordinary member in one go, any other by hand, header, deflate stream and trailer.

What enters: an object's bytes. What leaves: its JSON bytes, or ``ArchiveError`` with a reason.
This module must never hand out bytes that the trailer does not vouch for, nor hold more than the caps allow.

libdeflate inflates at twice the speed of anything that works in steps, but must be told the size beforehand and does
not tell where the member ended. So it gets what the trailer promises, and is believed where the promise was kept and
nothing can stand behind the member; whatever else it makes of an object is no verdict: that comes from the steps.

Source: RFC 1952 (gzip); caps of INTERFACE.md: 1 GiB inflated, ratio 200 beyond the first 16 MiB.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

import deflate
import numpy as np
from isal import igzip_lib, isal_zlib

from pipeline.errors import ArchiveError
from pipeline.settings import Caps

_MAGIC = b"\x1f\x8b"
_DEFLATE = 8
_HAS_HEADER_CRC, _HAS_EXTRA, _HAS_NAME, _HAS_COMMENT, _RESERVED = 0x02, 0x04, 0x08, 0x10, 0xE0
_FLAGS_AT, _FIXED_HEADER_BYTES, _SIZE_BYTES = 3, 10, 4
_TRAILER = struct.Struct("<II")  # CRC-32 and size modulo 2**32
_STREAM_ERROR: type[Exception] = vars(igzip_lib)["IsalError"]
_STEP_BYTES = 4 * 1024 * 1024
_UNMEASURED_BYTES = 64 * 1024 * 1024
_SEARCHED_AT_ONCE = 32 * 1024
_JSON_OPENERS = (b"{", b"[")
_BOM = b"\xef\xbb\xbf"
_PEEK_BYTES = 4096


def inflate_archive(data: bytes, caps: Caps) -> bytes:
    """Open one CloudTrail object; see ``open_archive``."""
    return bytes(open_archive(data, caps))


def open_archive(data: bytes, caps: Caps) -> bytes | bytearray:
    """Open one CloudTrail object, without a copy of what libdeflate gives: nobody may write to it.

    Args:
        data: the object as stored: one gzip member, or plain JSON.
        caps: limits; they hold while inflating, so a bomb never takes more memory than they allow.

    Returns:
        The inflated bytes; ``data`` itself where it is plain JSON.

    Raises:
        ArchiveError: reason ``zero_bytes``, ``not_gzip``, ``truncated_gzip``, ``corrupt_gzip``, ``bad_crc``,
            ``bad_length``, ``trailing_bytes``, ``second_member``, ``too_large`` or ``ratio``.

    Source:
        RFC 1952, "GZIP file format specification version 4.3".
    """
    if not data:
        raise ArchiveError("zero_bytes", "the object is empty")
    if data[:2] != _MAGIC:
        return _accept_plain(data, caps)
    whole = _inflate_whole(data, caps)
    if whole is not None:
        return whole
    body = _find_body(data)
    inflated, rest = _inflate_body(memoryview(data)[body:], len(data), caps)
    _check_trailer(inflated, rest)
    return inflated


def _inflate_whole(data: bytes, caps: Caps) -> bytearray | None:
    """The content of one member of usual size that is sound and has nothing behind it; ``None`` if in doubt."""
    size = data[-_SIZE_BYTES:]
    expected = int.from_bytes(size, "little")
    if not 0 < expected <= min(_allowed_bytes(len(data), caps), _UNMEASURED_BYTES):
        return None
    if len(data) <= _FIXED_HEADER_BYTES or data[_FLAGS_AT] & _HAS_HEADER_CRC:  # which libdeflate does not look at
        return None
    try:
        inflated: bytearray = deflate.gzip_decompress(data, expected)
    except deflate.DeflateError:
        return None
    # The member's own trailer was found to hold its size: where these bytes stand at the end alone, that is its end.
    ends_here = len(inflated) == expected and not _stands_earlier(data, size)
    return inflated if ends_here else None


def _stands_earlier(data: bytes, size: bytes) -> bool:
    """Whether the four bytes at the end stand anywhere before."""
    before = len(data) - _SIZE_BYTES
    if before < _SEARCHED_AT_ONCE:
        return data.find(size) != before
    # Four looks at every fourth place, many at a time, take half as long as one search.
    number = int.from_bytes(size, "little")
    counts = ((shift, -(-(before - shift) // _SIZE_BYTES)) for shift in range(_SIZE_BYTES))
    return any(bool((np.frombuffer(data, "<u4", count, shift) == number).any()) for shift, count in counts)


def _allowed_bytes(stored_bytes: int, caps: Caps) -> int:
    """Inflated size up to which an object is taken in."""
    return min(caps.inflated_bytes, max(caps.ratio_free_bytes, caps.ratio * stored_bytes))


def _accept_plain(data: bytes, caps: Caps) -> bytes:
    if not data[:_PEEK_BYTES].removeprefix(_BOM).lstrip(b" \t\r\n").startswith(_JSON_OPENERS):
        raise ArchiveError("not_gzip", f"neither gzip nor JSON: it begins with {data[:8].hex(' ')}")
    if len(data) > caps.inflated_bytes:
        raise ArchiveError("too_large", f"{len(data)} bytes of JSON; the cap is {caps.inflated_bytes}")
    return data


def _find_body(data: bytes) -> int:
    """Offset of the deflate stream; RFC 1952, section 2.3."""
    if len(data) < _FIXED_HEADER_BYTES:
        raise ArchiveError("truncated_gzip", f"the gzip header ends after {len(data)} bytes")
    flags = data[_FLAGS_AT]
    if data[2] != _DEFLATE or flags & _RESERVED:
        raise ArchiveError("corrupt_gzip", f"unknown compression method {data[2]} or reserved flags {flags:#04x}")
    at = _FIXED_HEADER_BYTES
    if flags & _HAS_EXTRA:
        at += 2 + int.from_bytes(data[at : at + 2], "little")
    for flag in (_HAS_NAME, _HAS_COMMENT):
        if flags & flag:
            at = data.find(b"\0", at) + 1
            if not at:
                raise ArchiveError("truncated_gzip", "a name in the gzip header does not end")
    if flags & _HAS_HEADER_CRC:
        if len(data) >= at + 2 and int.from_bytes(data[at : at + 2], "little") != isal_zlib.crc32(data[:at]) & 0xFFFF:
            raise ArchiveError("bad_crc", "the gzip header fails its own checksum")
        at += 2
    if at >= len(data):
        raise ArchiveError("truncated_gzip", "the object ends inside the gzip header")
    return at


def _inflate_body(body: memoryview, stored_bytes: int, caps: Caps) -> tuple[bytes, bytes]:
    """Inflate one deflate stream; what follows it comes back as the second value."""
    allowed = _allowed_bytes(stored_bytes, caps)
    # The trailer's size is a hint for one allocation of the right length; beyond a modest size only a first pass,
    # which keeps nothing, makes it a fact: a bomb is refused before it has taken memory.
    expected = int.from_bytes(body[-4:], "little")
    if expected > min(allowed, _UNMEASURED_BYTES):
        expected = _Inflation(body, stored_bytes, allowed, caps).measure()
    inflation = _Inflation(body, stored_bytes, allowed, caps)
    parts: list[bytes] = []
    held = 0
    for part in inflation.steps(expected + 1):
        held += len(part)
        if held > max(expected, _UNMEASURED_BYTES):  # the hint was a lie
            expected = _Inflation(body, stored_bytes, allowed, caps).measure()
        parts.append(part)
    return (parts[0] if len(parts) == 1 else b"".join(parts)), inflation.rest


class _Inflation:
    """One pass over a deflate stream under caps."""

    def __init__(self, body: memoryview, stored_bytes: int, allowed: int, caps: Caps) -> None:
        self._body = body
        self._stored_bytes = stored_bytes
        self._allowed = allowed
        self._over_reason = "too_large" if allowed == caps.inflated_bytes else "ratio"
        self.rest = b""

    def measure(self) -> int:
        """Inflated size, keeping nothing."""
        return sum(map(len, self.steps(_STEP_BYTES)))

    def steps(self, first_bytes: int) -> Iterator[bytes]:
        """Yield the inflated bytes: at most ``first_bytes``, then in steps; ``rest`` is what follows the stream."""
        stream = igzip_lib.IgzipDecompressor(flag=igzip_lib.DECOMP_DEFLATE)
        feed: bytes | memoryview = self._body
        total, step = 0, first_bytes
        while not stream.eof:
            step = min(step, self._allowed + 1 - total)
            try:
                part = stream.decompress(feed, step)
            except _STREAM_ERROR as error:
                message = f"the deflate stream is broken after {total} bytes: {error}"
                raise ArchiveError("corrupt_gzip", message) from error
            feed, step = b"", _STEP_BYTES
            total += len(part)
            if total > self._allowed:
                message = f"{self._stored_bytes} stored bytes inflate to more than {self._allowed}"
                raise ArchiveError(self._over_reason, message)
            if not part and stream.needs_input and not stream.eof:
                raise ArchiveError("truncated_gzip", f"the deflate stream ends early, after {total} bytes")
            yield part
        self.rest = stream.unused_data


def _check_trailer(inflated: bytes, rest: bytes) -> None:
    if len(rest) < _TRAILER.size:
        raise ArchiveError("truncated_gzip", "the gzip trailer is missing or cut")
    crc, size = _TRAILER.unpack_from(rest)
    if size != len(inflated) & 0xFFFFFFFF:
        raise ArchiveError("bad_length", f"the trailer says {size} bytes, {len(inflated)} came out")
    if crc != isal_zlib.crc32(inflated):
        raise ArchiveError("bad_crc", "the bytes do not match the trailer's CRC-32")
    after = rest[_TRAILER.size :]
    if after.startswith(_MAGIC):
        raise ArchiveError("second_member", f"a second gzip member of {len(after)} bytes follows the first")
    if after:
        raise ArchiveError("trailing_bytes", f"{len(after)} bytes follow the gzip member")
