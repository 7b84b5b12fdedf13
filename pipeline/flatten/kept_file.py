"""Machine code kept between processes: a file, written whole or not at all, believed only if it is as it was written.

What enters: a name, a stamp of what the content was made from, the content. What leaves: the content, if it is whole
and has that stamp. This module must never fail: where nothing can be read or written there is nothing kept.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path


def read_kept(name: str, stamp: str) -> bytes | None:
    """What was kept under ``name``.

    Args:
        name: of the file.
        stamp: what its content must have been made from.

    Returns:
        The content; ``None`` if there is none, if it was made from something else, or if it is damaged.
    """
    for folder in _folders():
        try:
            head, _, content = (folder / name).read_bytes().partition(b"\n")
        except OSError:
            continue
        if head == _head(stamp, content):
            return content
    return None


def write_kept(name: str, stamp: str, content: bytes) -> bool:
    """Keep ``content`` in the first folder that takes it, in place of what was there; whether one did.

    Processes that write at the same time replace each other's file as a whole, by the same content.
    """
    for folder in _folders():
        try:
            folder.mkdir(parents=True, exist_ok=True)
            handle, part = tempfile.mkstemp(prefix=name, dir=folder)
        except OSError:
            continue
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(_head(stamp, content) + b"\n" + content)
            Path(part).chmod(0o644)  # as readable as the sources: who installs may not be who runs
            Path(part).replace(folder / name)
        except OSError:  # the disk is full, for one
            with suppress(OSError):
                Path(part).unlink()
            continue
        return True
    return False


def _folders() -> Iterator[Path]:
    """Beside the sources, where Python keeps its own compiled files; else in the user's cache."""
    yield Path(__file__).parent / "__pycache__"
    with suppress(RuntimeError):  # no home
        yield Path("~/.cache/policytrail").expanduser()


def _head(stamp: str, content: bytes) -> bytes:
    return f"{stamp} {hashlib.sha256(content).hexdigest()}".encode()
