"""Secrets go to a file that only its owner can read, and nowhere else.

What enters: a step that yields a secret, the answer. What leaves: a file. This module must never print, log or return
a secret, but for the one password that it makes and the call needs.
"""

from __future__ import annotations

import base64
import json
import os
import secrets
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from pipeline.errors import RemediationError, UsageError
from pipeline.remediation.clients import failed_request_id
from pipeline.remediation.steps import Step

_CLASSES = "aA1!"
"""One of each class that a password policy can ask for; the length and the rest are random."""


class SecretFile:
    """The file of a step's secret, made before the call: a secret that has nowhere to go would be lost.

    Leaving the block by an error removes the file: there is no secret then. One that was generated stays if the service
    did not answer: it may be the password now.
    """

    def __init__(self, step: Step) -> None:
        """Name it; a step without a secret makes no file."""
        self._step = step
        self._handle: int | None = None

    def __enter__(self) -> Self:
        """Make the file. Raises ``UsageError`` where it exists or cannot be made."""
        if self._step.secret_file:
            try:
                self._handle = os.open(self._step.secret_file, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
            except OSError as error:
                text = f"cannot make {self._step.secret_file} for the secret: {error.strerror}"
                raise UsageError(text, hint="move it away if an earlier run left it") from error
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Close, and remove what stayed without a secret."""
        if self._handle is not None:
            os.close(self._handle)
            is_unanswered = isinstance(error, RemediationError) and not failed_request_id(error)
            if kind is not None and not (self._step.generated and is_unanswered):
                Path(self._step.secret_file).unlink()

    def make_parameters(self) -> dict[str, str]:
        """The generated parameter, already in the file; none where the step generates nothing."""
        if not self._step.generated or self._handle is None:
            return {}
        value = secrets.token_urlsafe(24) + _CLASSES
        self._write(value)
        return {self._step.generated: value}

    def keep(self, answer: Mapping[str, Any]) -> None:
        """Write the answer's secret, if the secret is the answer's."""
        if self._handle is not None and not self._step.generated:
            given = {name: value for name, value in answer.items() if name != "ResponseMetadata"}
            self._write(json.dumps(given, default=_as_text) + "\n")

    def _write(self, text: str) -> None:
        if self._handle is not None:
            os.write(self._handle, text.encode())
            os.fsync(self._handle)


def _as_text(item: object) -> str:
    if not isinstance(item, bytes):
        return str(item)
    # The seed is ASCII; the picture of it is not.
    return item.decode("ascii") if item.isascii() else base64.b64encode(item).decode("ascii")
