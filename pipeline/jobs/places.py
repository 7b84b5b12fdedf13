"""Where a run may write: never inside what it reads.

What enters: SOURCEs, the lake's path, the report folder. What leaves: nothing, or a ``UsageError``. A lake inside its
own source would be listed as archives by the next run. This module must never touch a disk.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from urllib.parse import unquote, urlsplit

from pipeline.errors import UsageError


def refuse_overlap(sources: Sequence[str], lake: str, out: Path | None = None) -> None:
    """Refuse a lake or report folder that lies inside a source.

    Args:
        sources: SOURCEs as given: folders, ``file://`` or ``s3://`` URIs.
        lake: the lake's path.
        out: the report folder, if one is written.

    Raises:
        UsageError: names the source and what lies inside it.
    """
    for source in sources:
        place = _normalise(source)
        for word, option, target in (("lake", "--lake", lake), ("report folder", "--out", str(out) if out else "")):
            if target and (_normalise(target) + "/").startswith(place + "/"):
                raise UsageError(
                    f"the {word} {target} lies inside the source {source}",
                    hint=f"the next run would read it as archives: give another place by {option}",
                )


def _normalise(place: str) -> str:
    if place.startswith("s3://"):
        return place.rstrip("/")
    path = unquote(urlsplit(place).path) if place.startswith("file://") else place
    return str(Path(path).absolute().resolve()).rstrip("/")
