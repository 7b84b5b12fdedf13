"""The server: HTTP/1.1 over asyncio, path-style addressing, any credentials.

What enters: a ``Store``, a delay. What leaves: S3's answers to ListObjectsV2, HeadObject, GetObject and HeadBucket.
This module must never write, nor check a signature.

Source: Amazon S3 API reference, ListObjectsV2, GetObject, HeadObject.
"""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from email.utils import format_datetime
from urllib.parse import parse_qs, quote, unquote
from xml.sax.saxutils import escape

from benchmarks.s3_static.store import Store, Stored

_REASONS = {200: "OK", 400: "Bad Request", 404: "Not Found", 405: "Method Not Allowed", 412: "Precondition Failed"}
_CODES = {404: "NoSuchKey", 405: "MethodNotAllowed", 412: "PreconditionFailed"}


class S3Protocol(asyncio.Protocol):
    """One connection: requests are answered in the order they come."""

    def __init__(
        self, store: Store, delay_seconds: float, requests: Counter[str], connections: set[asyncio.Transport]
    ) -> None:
        self._store = store
        self._delay = delay_seconds
        self._requests = requests
        self._open = connections
        self._buffer = bytearray()
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._open.add(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the transport."""
        if self._transport is not None:
            self._open.discard(self._transport)

    def data_received(self, data: bytes) -> None:
        """Answer every whole request in the buffer; requests of a reader have no body."""
        self._buffer += data
        while (end := self._buffer.find(b"\r\n\r\n")) >= 0:
            head = bytes(self._buffer[:end])
            del self._buffer[: end + 4]
            parts = self._answer(head)
            if self._delay:
                asyncio.get_running_loop().call_later(self._delay, self._write, parts)
            else:
                self._write(parts)

    def _write(self, parts: list[bytes]) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.writelines(parts)

    def _answer(self, head: bytes) -> list[bytes]:
        line, _, rest = head.partition(b"\r\n")
        method, target, _ = line.decode("latin-1").split(" ", 2)
        path, _, query = target.partition("?")
        _, _, key = path[1:].partition("/")
        self._requests["LIST" if method == "GET" and not key else method] += 1
        if not key:
            body = b"" if method == "HEAD" else _list(self._store, path[1:], query)
            return _reply(200, {"Content-Type": "application/xml"}, body)
        if method not in {"GET", "HEAD"}:
            return _fail(405, method)
        found = self._store.objects.get(unquote(key) if "%" in key else key)
        if found is None:
            return _fail(404, method)
        wanted = _header(rest, b"if-match")
        if wanted and wanted.strip('"') != found.etag:
            return _fail(412, method)
        return _object(found, method)


def _header(head: bytes, name: bytes) -> str:
    at = head.lower().find(b"\r\n" + name + b":") if not head.lower().startswith(name + b":") else -2
    if at == -1:
        return ""
    start = at + len(name) + 3
    end = head.find(b"\r\n", start)
    return head[start : end if end >= 0 else None].decode("latin-1").strip()


def _object(found: Stored, method: str) -> list[bytes]:
    headers = {
        "ETag": f'"{found.etag}"',
        "Last-Modified": format_datetime(found.modified_at, usegmt=True),
        "Content-Type": "application/json",
        "Content-Length": str(found.size),
    }
    headers |= {f"x-amz-meta-{name}": value for name, value in found.metadata.items()}
    return _reply(200, headers, b"" if method == "HEAD" else found.read())


def _fail(status: int, method: str) -> list[bytes]:
    body = f"<Error><Code>{_CODES[status]}</Code><Message>{_REASONS[status]}</Message></Error>".encode()
    return _reply(status, {"Content-Type": "application/xml"}, b"" if method == "HEAD" else body)


def _reply(status: int, headers: Mapping[str, str], body: bytes) -> list[bytes]:
    lines = [f"HTTP/1.1 {status} {_REASONS[status]}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    if "Content-Length" not in headers:
        lines.append(f"Content-Length: {len(body)}")
    return [("\r\n".join(lines) + "\r\n\r\n").encode("latin-1"), body]


def _list(store: Store, bucket: str, query: str) -> bytes:
    asked = {name: values[0] for name, values in parse_qs(query, keep_blank_values=True).items()}
    limit = min(1000, int(asked.get("max-keys", "1000")))
    prefix, delimiter = asked.get("prefix", ""), asked.get("delimiter", "")
    after = unquote(asked.get("continuation-token", "")) or asked.get("start-after", "")
    page = store.page(prefix, delimiter, after, limit)

    def show(text: str) -> str:
        return quote(text, safe="/") if asked.get("encoding-type") == "url" else escape(text)

    parts = [
        '<?xml version="1.0" encoding="UTF-8"?><ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">',
        f"<Name>{escape(bucket)}</Name><Prefix>{show(prefix)}</Prefix><MaxKeys>{limit}</MaxKeys>",
        f"<KeyCount>{len(page.contents) + len(page.folders)}</KeyCount>",
        f"<IsTruncated>{'true' if page.token else 'false'}</IsTruncated>",
    ]
    if asked.get("encoding-type") == "url":
        parts.append("<EncodingType>url</EncodingType>")
    if page.token:
        # S3's tokens are opaque and plain: a key may hold characters that no XML does.
        parts.append(f"<NextContinuationToken>{quote(page.token, safe='')}</NextContinuationToken>")
    for key in page.contents:
        found = store.objects[key]
        parts.append(
            f"<Contents><Key>{show(key)}</Key><LastModified>{found.modified_at:%Y-%m-%dT%H:%M:%S}.000Z</LastModified>"
            f"<ETag>&quot;{found.etag}&quot;</ETag><Size>{found.size}</Size>"
            "<StorageClass>STANDARD</StorageClass></Contents>"
        )
    parts += [f"<CommonPrefixes><Prefix>{show(folder)}</Prefix></CommonPrefixes>" for folder in page.folders]
    return "".join([*parts, "</ListBucketResult>"]).encode()


async def start_server(
    store: Store,
    *,
    port: int = 0,
    delay_ms: float = 0,
    requests: Counter[str] | None = None,
    connections: set[asyncio.Transport] | None = None,
) -> asyncio.Server:
    """Start serving on loopback in the running loop; count requests and keep open connections where asked."""
    counter = Counter[str]() if requests is None else requests
    held = set[asyncio.Transport]() if connections is None else connections
    return await asyncio.get_running_loop().create_server(
        lambda: S3Protocol(store, delay_ms / 1000, counter, held), "127.0.0.1", port, backlog=1024
    )


@contextmanager
def serve(store: Store, *, delay_ms: float = 0) -> Iterator[tuple[str, Counter[str]]]:
    """Serve from a thread of this process: for tests; give the endpoint URL and the count of requests by kind."""
    loop, requests, connections = asyncio.new_event_loop(), Counter[str](), set[asyncio.Transport]()
    server = loop.run_until_complete(start_server(store, delay_ms=delay_ms, requests=requests, connections=connections))
    port = server.sockets[0].getsockname()[1]
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{port}", requests
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        server.close()
        for transport in list(connections):
            transport.abort()
        loop.run_until_complete(asyncio.sleep(0.01))
        loop.close()
