"""CloudTrail's API as far as verification asks it, on loopback: ListPublicKeys, and more for the reference tool."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    answers: ClassVar[Mapping[str, Any]] = {}
    asked: ClassVar[Counter[str]] = Counter()

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        operation = self.headers.get("X-Amz-Target", "").rpartition(".")[2]
        self.asked[operation] += 1
        answer = self.answers.get(operation)
        body = json.dumps({"__type": "AccessDeniedException", "message": "stub"} if answer is None else answer).encode()
        self.send_response(400 if answer is None else 200)
        self.send_header("Content-Type", "application/x-amz-json-1.1")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@contextmanager
def run_cloudtrail_stub(
    keys: Sequence[Mapping[str, Any]] | None, **others: Mapping[str, Any]
) -> Iterator[tuple[str, Counter[str]]]:
    """Serve keys (``None`` denies them) and other answers by operation; give the endpoint URL and the calls' count."""
    asked: Counter[str] = Counter()
    answers = dict(others) | ({} if keys is None else {"ListPublicKeys": {"PublicKeyList": list(keys)}})
    handler = type("Handler", (_Handler,), {"answers": answers, "asked": asked})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", asked
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
