"""One HTTP/1.1 connection to S3 that knows a single exchange: GET, 200, Content-Length, body.

What enters: a request's bytes, the size and ETag expected. What leaves: the body, whole, or ``NotPlainError``. This
module must never interpret any other answer: it closes the connection and leaves the object to boto3, which knows
retries, redirects and errors.

Source: RFC 9112, "HTTP/1.1".
"""

from __future__ import annotations

import asyncio
import re

_LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*([0-9]{1,18})[ \t]*\r\n", re.IGNORECASE)
_ETAG = re.compile(rb'\r\netag:[ \t]*"([^"\r\n]*)"[ \t]*\r\n', re.IGNORECASE)
_CLOSES = re.compile(rb"\r\nconnection:[ \t]*close[ \t]*\r\n", re.IGNORECASE)
_ODD = re.compile(rb"\r\n(?:transfer-encoding|content-range):", re.IGNORECASE)
_METADATA = re.compile(rb"\r\nx-amz-meta-([^:\r\n]+):[ \t]*([^\r\n]*?)[ \t]*(?=\r\n)", re.IGNORECASE)
_MAX_HEAD = 65536


class NotPlainError(Exception):
    """The exchange was not the plain one: another status, a broken connection, a body of another length."""


class Connection(asyncio.Protocol):
    """A connection; at most one exchange at a time.

    Attributes:
        is_open: whether another exchange may follow this one.
        active_at: loop time of the last byte either way; a stalled exchange is aborted by who watches.
        head: status and header lines of the last answer.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._transport: asyncio.Transport | None = None
        self._answer: asyncio.Future[bytes] | None = None
        self._buffer = bytearray()
        self._body_at = 0
        self._size = 0
        self._etag = b""
        self.is_open = False
        self.active_at = 0.0
        self.head = b""

    @property
    def is_idle(self) -> bool:
        """Whether it waits for a next exchange."""
        return self.is_open and self._answer is None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ready for a first exchange."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self.is_open = True

    def get(self, request: bytes, size: int, etag: str) -> asyncio.Future[bytes]:
        """Send a request; the future yields the body, of exactly ``size`` bytes and of the version ``etag``."""
        assert self._transport is not None
        assert self._answer is None, "one exchange at a time"
        self._answer = self._loop.create_future()
        self._buffer, self._body_at, self._size, self._etag = bytearray(), 0, size, etag.encode()
        self.active_at = self._loop.time()
        self._transport.write(request)
        return self._answer

    def data_received(self, data: bytes) -> None:
        """Take the answer in; bytes that nobody asked for close the connection."""
        self.active_at = self._loop.time()
        if self._answer is None:
            self.abort("bytes without a request")
            return
        self._buffer += data
        if not self._body_at and not self._read_head():
            return
        missing = self._body_at + self._size - len(self._buffer)
        if missing == 0:
            answer, self._answer = self._answer, None
            body = bytes(memoryview(self._buffer)[self._body_at :])
            self._buffer = bytearray()
            if not self.is_open:
                self._close()
            if not answer.done():
                answer.set_result(body)
        elif missing < 0:
            self.abort("more bytes than announced")

    def _read_head(self) -> bool:
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            if len(self._buffer) > _MAX_HEAD:
                self.abort("an endless header")
            return False
        head = bytes(self._buffer[: end + 2])
        length, etag = _LENGTH.search(head), _ETAG.search(head)
        if not head.startswith(b"HTTP/1.1 200 ") or length is None or etag is None or _ODD.search(head):
            self.abort("not a plain 200")
            return False
        if int(length[1]) != self._size or etag[1] != self._etag:
            self.abort("another version")
            return False
        self._body_at = end + 4
        self.head = head
        self.is_open = _CLOSES.search(head) is None
        return True

    def eof_received(self) -> None:
        """The server closed: what is missing will not come."""

    def connection_lost(self, exc: Exception | None) -> None:
        """Fail the exchange under way."""
        self.is_open = False
        answer, self._answer = self._answer, None
        if answer is not None and not answer.done():
            answer.set_exception(NotPlainError("connection lost"))

    def abort(self, reason: str) -> None:
        """Close at once; the exchange under way fails."""
        self.is_open = False
        answer, self._answer = self._answer, None
        if answer is not None and not answer.done():
            answer.set_exception(NotPlainError(reason))
        self._close()

    def _close(self) -> None:
        if self._transport is not None:
            self._transport.abort()


def read_metadata(head: bytes) -> dict[str, str]:
    """User metadata among an answer's header lines; names in lower case without ``x-amz-meta-``."""
    return {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in _METADATA.findall(head)}
