"""Where the records of an ordinary archive seem to be: found at the speed of memory, proved while they are flattened.

What enters: inflated bytes. What leaves: spans, or nothing where the file is not what CloudTrail writes. This module
must never be believed without proof: every span must be shown to be one well-formed value (``scanner``, or
``ArchiveRecords.prove`` for an odd one); then what stands between them makes the whole document well-formed.

No string of a well-formed document holds the mark that separates records, for it has a bare quote; a nested list might,
and then a span is no complete value and the proof fails.

Source: AWS CloudTrail user guide, "CloudTrail log file examples": ``Records``, and ``eventVersion`` first in each.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from pipeline.flatten.memory import address

_START, _END = b'{"Records":[{"eventVersion"', b"}]}"
_BEFORE_RECORDS, _AFTER_RECORDS = len(b'{"Records":['), len(b"]}")
_SHORTEST_BYTES = len(b'{"eventVersion"},')
"""From one seam to the next at the least, be it JSON or not."""

Offsets = npt.NDArray[np.int64]


class Delimited(NamedTuple):
    """First byte of each record, and one past its last; at least one record."""

    starts: Offsets
    ends: Offsets


def delimit_records(buffer: bytes) -> Delimited | None:
    """Find the records of an archive as CloudTrail writes it, without proving that they are any.

    Args:
        buffer: inflated bytes.

    Returns:
        Spans with one comma between two of them and nothing else in the list; ``None`` where the file begins or ends
        otherwise or is no UTF-8: whoever can prove what it reads must split it.
    """
    from pipeline.flatten.native import call  # compiled code loads with the first archive, not with the room

    if not buffer.startswith(_START) or not buffer.endswith(_END):
        return None
    text = np.frombuffer(buffer, dtype=np.uint8)
    places = np.empty(len(buffer) // _SHORTEST_BYTES + 2, dtype=np.int64)
    base = address(text)
    count = call("find_records", base + _BEFORE_RECORDS, base + len(buffer), address(places, np.int64))
    if count < 0:
        count = -count
        try:
            buffer.decode()
        except UnicodeDecodeError:
            return None
    starts = places[:count] - base
    return Delimited(starts, np.append(starts[1:] - 1, len(buffer) - _AFTER_RECORDS))
