"""Places and codes to Arrow buffers, in the order of the batch: the Python face of ``kernels.gather``.

What enters: columns of places (see ``compiled_path.Columns``) and an order of rows. What leaves: filled buffers.
This module must never hand an array to compiled code without its type and length being what the code believes.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from pipeline.flatten.memory import address
from pipeline.flatten.native import call
from pipeline.flatten.state import DIGEST_BYTES

Words = npt.NDArray[np.int64]
Codes = npt.NDArray[np.int32]
Bits = npt.NDArray[np.uint8]


def measure_places(order: Words | None, meta: Words) -> tuple[int, int]:
    """Bytes that the places hold (escapes counted as written, which is never less), and how many are null.

    ``order`` are rows, each an index of ``meta``; ``None`` for all as they are.
    """
    found = np.empty(2, dtype=np.int64)
    call("measure_places", *_rows(order, len(meta)), _words(meta), _words(found))
    return int(found[0]), int(found[1])


def gather_places(order: Words | None, at: Words, meta: Words, offsets: Codes, data: Bits, validity: Bits) -> int:
    """Copy the bytes of each place; ``data`` has room for what ``measure_places`` said. Returns the bytes written."""
    addresses = (_words(at), _words(meta), address(offsets, np.int32), address(data, np.uint8))
    return call("gather_places", *_rows(order, len(meta)), *addresses, address(validity, np.uint8))


def number_distinct(at: Words, meta: Words) -> tuple[Words, Codes] | None:
    """Number places by the first of equal bytes.

    Returns:
        Where each distinct value stands first, and for each place its number among those, -1 for null. ``None`` if one
        is escaped: what differs in bytes may then be the same text.
    """
    count = len(meta)
    table = np.empty(1 << (2 * count).bit_length(), dtype=np.int32)
    firsts, numbers = np.empty(count, dtype=np.int64), np.empty(count, dtype=np.int32)
    columns = (_words(at), _words(meta), count, address(table, np.int32), len(table) - 1)
    found = call("number_distinct", *columns, _words(firsts), address(numbers, np.int32))
    return None if found < 0 else (firsts[:found], numbers)


def spread_codes(order: Words | None, codes: Codes, places: Codes, indices: Codes, validity: Bits) -> int:
    """Fill ``indices`` with the place of each code, and ``validity`` with a bit for each that has one.

    Args:
        order: rows, each an index of ``codes``; ``None`` for the codes as they are.
        codes: numbers of rows, every one an index of ``places``.
        places: by code; -1 for null.
        indices: as many as rows; 0 where null.
        validity: bits of an Arrow array, in whole bytes.

    Returns:
        How many are null.
    """
    columns = (address(array, np.int32) for array in (codes, places, indices))
    return call("spread_codes", *_rows(order, len(codes)), *columns, address(validity, np.uint8))


def spread_flags(order: Words, flags: npt.NDArray[np.int8], values: Bits, validity: Bits) -> int:
    """Fill ``values`` and ``validity`` with bits for the flags of rows (0 null, 1 false, 2 true); both in whole bytes.

    Returns:
        How many are null.
    """
    addresses = (address(flags, np.int8), address(values, np.uint8), address(validity, np.uint8))
    return call("spread_flags", _words(order), len(order), *addresses)


def write_hex(order: Words, digests: Bits) -> Bits:
    """Digests (rows of ``DIGEST_BYTES``) in an order, as lower-case hex digits one behind the other."""
    text = np.empty(2 * DIGEST_BYTES * len(order), dtype=np.uint8)
    call("write_hex", _words(order), len(order), address(digests, np.uint8), address(text, np.uint8))
    return text


def leading_bytes(rows: Words, at: Words, meta: Words) -> Words:
    """First eight bytes of each place, bits of an unsigned number that sorts as they do."""
    keys = np.empty(len(rows), dtype=np.int64)
    call("leading_bytes", _words(rows), len(rows), _words(at), _words(meta), _words(keys))
    return keys


def _rows(order: Words | None, count: int) -> tuple[int, int]:
    """Address of an order and how many rows it has; no address for all of ``count`` as they are."""
    return (0, count) if order is None else (_words(order), len(order))


def _words(array: Words) -> int:
    return address(array, np.int64)
