"""A proxy in front of moto's server that logs every AWS call as it goes over the wire, and can answer some itself.

The log is the server's side of the truth: what a client's own hooks say it sent is not asked. Answers of its own:
access denied, throttled, a connection that breaks after the server has done the work, and one long list cut into pages,
which moto does not do.
"""

from __future__ import annotations

import http.client
import json
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit
from xml.etree import ElementTree

READS = ("Get", "List", "Describe", "Generate", "AssumeRole")
_ERROR = (
    '<ErrorResponse xmlns="https://iam.amazonaws.com/doc/2010-05-08/"><Error><Type>Sender</Type><Code>{code}</Code>'
    "<Message>planned</Message></Error><RequestId>planned</RequestId></ErrorResponse>"
)
_JSON_ERROR = '{{"__type": "{code}", "message": "planned"}}'
LOST = "lost"
"""An answer that never comes: the server has made the call, the client does not hear of it."""

Answer = Callable[[str, int], str]
"""(operation, how often it was asked, from 1) -> an error's code, ``LOST``, or ``""`` to pass the call on."""


@dataclass
class ApiCall:
    """One call as it arrived.

    Attributes:
        parameters: as sent; those of the query protocol (IAM, STS) are all text.
        request_id: the server's; ``""`` where the call was not passed on.
        status: of the answer; 0 while there is none.
    """

    service: str
    operation: str
    parameters: dict[str, Any]
    request_id: str = ""
    status: int = 0


class ApiLog:
    """The proxy: ``with ApiLog(endpoint) as log: ... log.url, log.calls, log.operations, log.writes``.

    Attributes:
        calls: every AWS call that arrived, in order, S3's left out.
        answer: decides what is answered here; may be set at any time.
        page_size: entries of a page of GetAccountAuthorizationDetails; 0 passes moto's one page on.
        account_id: whose account answers; moto keeps one state for the whole process, and a test that needs an account
            of its own takes another id. ``""`` leaves moto's default.
    """

    def __init__(
        self, endpoint: str, *, answer: Answer = lambda *_: "", page_size: int = 0, account_id: str = ""
    ) -> None:
        self.calls: list[ApiCall] = []
        self.answer, self.page_size, self.account_id = answer, page_size, account_id
        self._lock = threading.Lock()
        self._counts: Counter[str] = Counter()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self, endpoint))
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def operations(self) -> list[str]:
        """Names of the calls."""
        return [call.operation for call in self.calls]

    @property
    def writes(self) -> list[str]:
        """Names of the calls that change something."""
        return [name for name in self.operations if not name.startswith(READS)]

    def clear(self) -> None:
        """Forget what arrived so far; counts of ``answer`` go on."""
        with self._lock:
            self.calls.clear()

    def note(self, call: ApiCall) -> str:
        """Log a call and say what is answered to it here."""
        with self._lock:
            self.calls.append(call)
            self._counts[call.operation] += 1
            count = self._counts[call.operation]
        return self.answer(call.operation, count)


def _handler(log: ApiLog, endpoint: str) -> type[BaseHTTPRequestHandler]:
    behind = urlsplit(endpoint)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

        def do_GET(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            target = self.headers.get("X-Amz-Target", "")
            call = read_call(target, self.headers.get("Authorization", ""), body)
            code = log.note(call) if call.operation else ""
            if code and code != LOST:
                form = _JSON_ERROR if target else _ERROR
                return self._say(403 if "Denied" in code else 400, form.format(code=code).encode(), {})
            call.status, headers, data = self._pass_on(body)
            call.request_id = headers.get("x-amzn-requestid", "")
            if code == LOST:
                self.close_connection = True
                return None
            if call.operation == "GetAccountAuthorizationDetails" and log.page_size:
                data = cut_page(data, int(call.parameters.get("Marker", "0")), log.page_size)
            return self._say(call.status, data, headers)

        do_POST = do_PUT = do_HEAD = do_DELETE = do_GET

        def _pass_on(self, body: bytes) -> tuple[int, dict[str, str], bytes]:
            connection = http.client.HTTPConnection(str(behind.hostname), behind.port, timeout=60)
            try:
                account = {"x-moto-account-id": log.account_id} if log.account_id else {}
                connection.request(self.command, self.path, body or None, {**self.headers, **account})
                answer = connection.getresponse()
                return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()
            finally:
                connection.close()

        def _say(self, status: int, data: bytes, headers: dict[str, str]) -> None:
            self.send_response(status)
            for name, value in headers.items():
                if name not in ("connection", "transfer-encoding", "content-length", "server", "date"):
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(data)

    return Handler


def read_call(target: str, authorization: str, body: bytes) -> ApiCall:
    """The AWS call in a request; its operation is ``""`` where it is none (S3)."""
    scope = authorization.split("Credential=")[-1].split("/")
    service = scope[3] if len(scope) > 3 else ""
    if target:
        return ApiCall(service, target.rpartition(".")[2], json.loads(body or b"{}"))
    form = {name: values[0] for name, values in parse_qs(body.decode("utf-8", "replace")).items()}
    operation = form.pop("Action", "")
    form.pop("Version", "")
    return ApiCall(service, operation, form)


def cut_page(data: bytes, start: int, size: int) -> bytes:
    """One page of GetAccountAuthorizationDetails' roles, from moto's answer with all of them."""
    root = ElementTree.fromstring(data)
    space = root.tag[: root.tag.index("}") + 1] if "}" in root.tag else ""
    result = root.find(f"{space}GetAccountAuthorizationDetailsResult")
    assert result is not None
    roles = result.find(f"{space}RoleDetailList")
    assert roles is not None
    members = list(roles)
    for member in members[:start] + members[start + size :]:
        roles.remove(member)
    is_cut = start + size < len(members)
    flag = result.find(f"{space}IsTruncated")
    if flag is None:
        flag = ElementTree.SubElement(result, f"{space}IsTruncated")
    flag.text = str(is_cut).lower()
    if is_cut:
        ElementTree.SubElement(result, f"{space}Marker").text = str(start + size)
    return ElementTree.tostring(root)
