"""Room on disk for what a job needs only while it runs.

What enters: an open lake. What leaves: an empty folder, removed afterwards. This module must never touch what belongs
to the lake, or to a job that may be running.
"""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from pipeline.errors import LakeError
from pipeline.lake import Lake

SCRATCH = "_scratch"
STALE_SECONDS = 24 * 3600


@contextmanager
def open_scratch(lake: Lake, job: str) -> Iterator[Path]:
    """Yield an empty folder, on the lake's own disk where it has one, and remove it afterwards.

    What a killed job left behind a day ago goes too.

    Args:
        lake: on disk, or on S3.
        job: beginning of the folder's name.

    Raises:
        LakeError: no folder can be made there.
    """
    parent = None if lake.location.is_remote else Path(lake.location.root) / SCRATCH
    try:
        if parent is not None:
            parent.mkdir(exist_ok=True)
            _remove_stale(parent)
        folder = Path(tempfile.mkdtemp(prefix=f"{job}-" if parent else f"policytrail-{job}-", dir=parent))
    except OSError as error:
        raise LakeError(f"no room for what is needed only meanwhile: {error}", hint="is the disk full?") from error
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _remove_stale(parent: Path) -> None:
    for old in parent.glob("*-*"):
        with suppress(FileNotFoundError):  # its own job, at work beside this one, has removed it meanwhile
            if old.is_dir() and time.time() - old.stat().st_mtime > STALE_SECONDS:
                shutil.rmtree(old, ignore_errors=True)
