"""Where the records of an ordinary archive seem to be: found at the speed of memory, proved while they are flattened.

What enters: inflated bytes. What leaves: spans, or nothing where the file is not what CloudTrail writes. This module
must never be believed without proof: every span must be shown to be one well-formed value (``scanner``, or
``ArchiveRecords.prove`` for an odd one); then what stands between them makes the whole document well-formed.

No string of a well-formed document holds the mark that separates records, for it has a bare quote; a nested list might,
and then a span is no complete value and the proof fails.

Source: AWS CloudTrail user guide, "CloudTrail log file examples": ``Records``, and ``eventVersion`` first in each.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from pipeline.flatten.memory import address, hold

_SHORTEST_BYTES = len(b'{"eventVersion"},')
"""From one seam to the next at the least, be it JSON or not."""

Offsets = npt.NDArray[np.int64]


class Delimited(NamedTuple):
    """First byte of each record, and one past its last; at least one record."""

    starts: Offsets
    ends: Offsets


def delimit_archives(buffers: Sequence[bytes | bytearray]) -> list[Delimited | None]:
    """Find the records of archives as CloudTrail writes them, without proving that they are any.

    Args:
        buffers: inflated bytes of each.

    Returns:
        For each, spans with one comma between two of them and nothing else in the list; ``None`` where the file begins
        or ends otherwise or is no UTF-8: whoever can prove what it reads must split it.
    """
    from pipeline.flatten.native import call  # compiled code loads with the first archive, not with the room

    held = [hold(buffer) for buffer in buffers]
    bases = np.array([data.address for data in held], dtype=np.int64)
    lengths = np.array([data.size for data in held], dtype=np.int64)
    counts = np.empty(len(held), dtype=np.int64)
    room = np.empty((2, int(lengths.sum()) // _SHORTEST_BYTES + 2 * len(held)), dtype=np.int64)
    given = (address(array, np.int64) for array in (bases, lengths))
    made = (address(array, np.int64) for array in (counts, *room))
    filled = call("find_records", *given, len(held), *made)
    starts, ends = room[:, :filled].copy()  # the room was for records of the fewest bytes
    found: list[Delimited | None] = []
    first = 0
    for buffer, count in zip(buffers, counts.tolist(), strict=True):
        is_text = count > 0 or (count < 0 and _is_utf8(buffer))
        rows = slice(first, first + abs(count))
        found.append(Delimited(starts[rows], ends[rows]) if is_text else None)
        first += abs(count)
    return found


def _is_utf8(buffer: bytes | bytearray) -> bool:
    try:
        buffer.decode()
    except UnicodeDecodeError:
        return False
    return True
