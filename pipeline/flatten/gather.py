"""Places and codes to Arrow buffers, in the order of the batch: the Python face of ``kernels.gather``.

What enters: columns of places (see ``compiled_path.Columns``) and an order of rows. What leaves: filled buffers.
This module must never hand an array to compiled code without its type and length being what the code believes.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from pipeline.flatten.memory import address
from pipeline.flatten.native import call

Words = npt.NDArray[np.int64]
Bits = npt.NDArray[np.uint8]


def measure_places(order: Words, meta: Words) -> tuple[int, int]:
    """Bytes that the places hold (escapes counted as written, which is never less), and how many are null."""
    found = np.empty(2, dtype=np.int64)
    call("measure_places", _words(order), len(order), _words(meta), _words(found))
    return int(found[0]), int(found[1])


def gather_places(
    order: Words, at: Words, meta: Words, offsets: npt.NDArray[np.int32], data: Bits, validity: Bits
) -> int:
    """Copy the bytes of each place; ``data`` has room for what ``measure_places`` said. Returns the bytes written."""
    addresses = (_words(at), _words(meta), address(offsets, np.int32), address(data, np.uint8))
    return call("gather_places", _words(order), len(order), *addresses, address(validity, np.uint8))


def leading_bytes(rows: Words, at: Words, meta: Words, keys: npt.NDArray[np.uint64]) -> None:
    """First eight bytes of each place as a number that sorts as they do."""
    call("leading_bytes", _words(rows), len(rows), _words(at), _words(meta), address(keys, np.uint64))


def _words(array: Words) -> int:
    return address(array, np.int64)
