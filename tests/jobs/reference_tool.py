"""``aws cloudtrail validate-logs`` in one process for many cases: its start costs seconds, a case a tenth of one.

``ReferenceTool`` starts this file as a process of its own, so that nothing of it (warnings, sockets, environment)
reaches the tests. Requests and answers are lines of JSON.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

_LINE = re.compile(r"(?:\(backfill\) )?(?:Digest|Log) file\ts3://([^/]+/\S+)\t(valid|INVALID)")


@dataclass(frozen=True)
class ReferenceAnswer:
    """What the reference tool said: exit code, output of both kinds, and ``bucket/key`` -> valid or INVALID."""

    code: int
    text: str
    words: Mapping[str, str]

    @property
    def rejected(self) -> set[str]:
        """Objects that it calls INVALID, as ``bucket/key``."""
        return {place for place, word in self.words.items() if word == "INVALID"}


class ReferenceTool:
    """The running process."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def validate_logs(self, arguments: Sequence[str], environment: Mapping[str, str]) -> ReferenceAnswer:
        """Run the command with these arguments beside ``--verbose``, in this environment."""
        assert self._process.stdin is not None and self._process.stdout is not None
        request = {"arguments": [*arguments, "--verbose"], "environment": dict(environment)}
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        assert line, "the reference tool's process ended"
        answer = json.loads(line)
        words = {found[1]: found[2] for found in _LINE.finditer(answer["text"])}
        return ReferenceAnswer(answer["code"], answer["text"], words)


@contextmanager
def start_reference() -> Iterator[ReferenceTool]:
    """Start the process and end it afterwards."""
    command = [sys.executable, __file__]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield ReferenceTool(process)
        finally:
            process.terminate()


def _serve() -> None:
    from awscli.clidriver import create_clidriver

    answers, kept = sys.stdout, dict(os.environ)
    for line in sys.stdin:
        request = json.loads(line)
        os.environ.clear()
        os.environ.update(kept | request["environment"])
        said = io.StringIO()
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
            try:
                code = create_clidriver().main(["cloudtrail", "validate-logs", *request["arguments"]])
            except SystemExit as error:
                code = error.code
        answers.write(json.dumps({"code": code, "text": said.getvalue()}) + "\n")
        answers.flush()


if __name__ == "__main__":
    _serve()
