"""Opens a page in real, headless chromium and tells what happened: the DOM, what it said, what it asked for."""

from __future__ import annotations

import json
import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
needs_chromium = pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed")

# Quiet: whatever the browser would ask for by itself is switched off, and no name but loopback's resolves.
_FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-extensions", "--disable-default-apps", "--mute-audio",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
)  # fmt: skip


@dataclass(frozen=True)
class Visit:
    """What one page load left behind."""

    dom: str
    console: list[str]
    requested: list[str]


@dataclass
class Listener:
    """A server on loopback: serves the pages it was given, logs every path asked for."""

    url: str
    pages: dict[str, bytes]
    paths: list[str]


@contextmanager
def listen() -> Iterator[Listener]:
    """Run a listener while the block runs."""
    pages: dict[str, bytes] = {}
    paths: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            paths.append(self.path)
            body = pages.get(self.path)
            self.send_response(404 if body is None else 200)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.send_header("Content-Length", str(len(body or b"")))
            self.end_headers()
            self.wfile.write(body or b"")

        def log_message(self, format: str, *args: Any) -> None:
            """Keep the test's output clean."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield Listener(f"http://127.0.0.1:{server.server_port}", pages, paths)
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def visit(url: str, folder: Path) -> Visit:
    """Load a page and let it settle.

    Args:
        url: ``http://`` or ``file://``.
        folder: empty folder for the browser's profile and its log of network requests.
    """
    assert CHROMIUM is not None
    log = folder / "net.json"
    done = subprocess.run(
        [
            CHROMIUM, *_FLAGS, f"--user-data-dir={folder / 'profile'}", f"--log-net-log={log}",
            "--enable-logging=stderr",
            "--virtual-time-budget=3000", "--dump-dom", url,
        ],
        capture_output=True, timeout=120, check=True,
    )  # fmt: skip
    console = [line for line in done.stderr.decode("utf-8", "replace").splitlines() if ":CONSOLE" in line]
    return Visit(done.stdout.decode("utf-8"), console, read_requests(log))


def read_requests(log: Path) -> list[str]:
    """URLs that a page asked for, by the browser's own network log.

    What the browser asks for by itself (the time, updates; no such name resolves here), and the address that it was
    told to open, have no origin as their initiator and are left out.
    """
    document = json.loads(log.read_text(encoding="utf-8"))
    started = document["constants"]["logEventTypes"]["URL_REQUEST_START_JOB"]
    requests = [event["params"] for event in document["events"] if event["type"] == started and "params" in event]
    assert any(request.get("initiator") == "not an origin" for request in requests), "the log's form has changed"
    asked = [item["url"] for item in requests if "url" in item and item["initiator"] != "not an origin"]
    return list(dict.fromkeys(asked))
