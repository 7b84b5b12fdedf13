"""A proxy in front of an S3 server that breaks a planned share of the requests.

Faults by a seeded plan, so that a failing run can be repeated: 500, 503 SlowDown, bodies cut short, stalls, resets, and
objects that change between list and read. Everything else passes through byte for byte.
"""

from __future__ import annotations

import http.client
import random
import socket
import struct
import threading
from collections import Counter
from collections.abc import Callable
from enum import StrEnum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit


class Fault(StrEnum):
    """What is done to one request."""

    ERROR_500 = "500"
    SLOW_DOWN = "503"
    TRUNCATE = "truncate"
    STALL = "stall"
    RESET = "reset"
    CHANGE = "change"


Plan = Callable[[str, str], Fault | None]
"""(method, path with query) -> what to do to this request."""

_HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "content-length", "server", "date"}
_XML = '<?xml version="1.0" encoding="UTF-8"?><Error><Code>{code}</Code><Message>planned</Message></Error>'
_STATUSES = {Fault.ERROR_500: (500, "InternalError"), Fault.SLOW_DOWN: (503, "SlowDown")}


def plan_faults(
    seed: int, share: float, faults: tuple[Fault, ...], *, is_chosen: Callable[[str, str], bool] = lambda *_: True
) -> Plan:
    """A plan that breaks ``share`` of the chosen requests, each with one of ``faults`` by a seeded draw."""
    draw, lock = random.Random(seed), threading.Lock()

    def plan(method: str, path: str) -> Fault | None:
        with lock:
            is_hit, fault = draw.random() < share, draw.choice(faults)
        return fault if is_hit and is_chosen(method, path) else None

    return plan


class FaultProxy:
    """The proxy: ``with FaultProxy(endpoint, plan) as proxy: ... proxy.url``.

    Args:
        endpoint: the server behind it.
        plan: what to do to each request.
        stall_seconds: how long a stalled answer hangs before the connection is closed.
        change: called with the path before a ``CHANGE`` request is passed on, to replace the object.
    """

    def __init__(
        self, endpoint: str, plan: Plan, *, stall_seconds: float = 2.0, change: Callable[[str], None] | None = None
    ) -> None:
        self.injected: Counter[Fault] = Counter()
        self.requests: Counter[str] = Counter()
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self, endpoint, plan, stall_seconds, change))
        self._server.daemon_threads = True
        self._server.block_on_close = False
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._stop.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def count(self, method: str, fault: Fault | None) -> None:
        """Keep the score of one request."""
        with self._lock:
            self.requests[method] += 1
            if fault is not None:
                self.injected[fault] += 1

    def wait(self, seconds: float) -> None:
        """Hang, but not longer than the proxy lives."""
        self._stop.wait(seconds)


def _handler(
    proxy: FaultProxy, endpoint: str, plan: Plan, stall_seconds: float, change: Callable[[str], None] | None
) -> type[BaseHTTPRequestHandler]:
    behind = urlsplit(endpoint)
    assert behind.hostname is not None

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing: one line a request would bury a failing test's output."""

        def do_GET(self) -> None:
            fault = plan(self.command, self.path)
            proxy.count(self.command, fault)
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            if fault is Fault.RESET:
                return self._reset()
            if fault in _STATUSES:
                status, code = _STATUSES[fault]
                return self._answer(status, {"Content-Type": "application/xml"}, _XML.format(code=code).encode())
            if fault is Fault.CHANGE and change is not None:
                change(self.path)
            status, headers, data = self._pass_on(body)
            if fault in {Fault.TRUNCATE, Fault.STALL} and len(data) > 1:
                self._answer(status, headers, data, sent=len(data) // 2)
                if fault is Fault.STALL:
                    proxy.wait(stall_seconds)
                self.close_connection = True
                return None
            return self._answer(status, headers, data)

        do_HEAD = do_PUT = do_POST = do_DELETE = do_GET

        def _pass_on(self, body: bytes) -> tuple[int, dict[str, str], bytes]:
            connection = http.client.HTTPConnection(str(behind.hostname), behind.port, timeout=60)
            try:
                connection.request(self.command, self.path, body or None, dict(self.headers))
                answer = connection.getresponse()
                headers = {name: value for name, value in answer.getheaders() if name.lower() not in _HOP_BY_HOP}
                if self.command == "HEAD":
                    headers["Content-Length"] = answer.getheader("Content-Length") or "0"
                return answer.status, headers, answer.read()
            finally:
                connection.close()

        def _answer(self, status: int, headers: dict[str, str], data: bytes, *, sent: int | None = None) -> None:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            if "Content-Length" not in headers:
                self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(data[:sent])
            self.wfile.flush()

        def _reset(self) -> None:
            """Close with RST, as a crashing server does."""
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()
            self.close_connection = True

        def handle(self) -> None:
            """A client that gave up, or the reset above, is no error of the proxy."""
            try:
                super().handle()
            except (ConnectionError, ValueError, OSError):
                self.close_connection = True

        def finish(self) -> None:
            try:
                super().finish()
            except (ConnectionError, ValueError, OSError):
                self.close_connection = True

    return Handler
