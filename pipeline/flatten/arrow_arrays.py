"""Arrow arrays over what the compiled code filled: places, codes, booleans, instants.

What enters: numpy columns and an order of rows. What leaves: ``pa.Array``. This module must never know a column's
meaning.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipeline.flatten.gather import gather_places, measure_places, number_distinct, spread_codes, spread_flags

Order = npt.NDArray[np.int64]
Codes = npt.NDArray[np.int32]
_MOST_BYTES = 2**31 - 1
"""What 32-bit offsets can reach."""


class Places(NamedTuple):
    """Strings by address and meta (see ``compiled_path.Columns``); who makes one keeps the bytes alive."""

    at: npt.NDArray[np.int64]
    meta: npt.NDArray[np.int64]

    def gather(self, order: Order | None = None) -> pa.Array:
        """The strings of the rows in ``order`` (each at most once), or of all, copied.

        Raises:
            OverflowError: one column would hold over 2 GiB; the caller gave too much at once.
        """
        count = len(self.meta) if order is None else len(order)
        total, nulls = measure_places(None if count == len(self.meta) else order, self.meta)
        if nulls == count:
            return pa.nulls(count, pa.string())
        if total > _MOST_BYTES:
            raise OverflowError(f"{total} bytes of text in one column of one batch")
        offsets = np.empty(count + 1, dtype=np.int32)
        data = np.empty(total, dtype=np.uint8)
        validity = _bits(count)
        used = gather_places(order, self.at, self.meta, offsets, data, validity)
        buffers = [pa.py_buffer(validity) if nulls else None, pa.py_buffer(offsets), pa.py_buffer(data[:used])]
        return pa.Array.from_buffers(pa.string(), count, buffers, nulls)


def _bits(count: int) -> npt.NDArray[np.uint8]:
    return np.zeros((count + 7) // 8, dtype=np.uint8)


def encode_places(places: Places, extra: Sequence[object] = ()) -> tuple[pa.Array, Codes]:
    """Distinct strings of places and behind them of ``extra``, and for each its number among those, -1 for null."""
    numbered = None if extra else number_distinct(*places)
    if numbered is None:
        return encode_distinct(pa.concat_arrays([places.gather(), pa.array(extra, type=pa.string())]))
    firsts, numbers = numbered
    return places.gather(firsts), numbers


def encode_distinct(values: pa.Array) -> tuple[pa.Array, Codes]:
    """Distinct values, and for each of ``values`` its place among them, -1 for null."""
    encoded = values.dictionary_encode()
    return encoded.dictionary, encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int32)


def dictionary_array(codes: Codes, order: Order | None, local: Codes, dictionary: pa.Array) -> pa.Array:
    """Codes of the rows in ``order``, or of all, as a dictionary array.

    ``local`` turns a code into a place in ``dictionary``, or -1 for null.
    """
    kind, count = pa.dictionary(pa.int32(), pa.string()), len(codes) if order is None else len(order)
    if not len(dictionary):
        return pa.nulls(count, kind)
    indices, validity = np.empty(count, dtype=np.int32), _bits(count)
    nulls = spread_codes(order, codes, local, indices, validity)
    if nulls == count:
        return pa.nulls(count, kind)
    buffers = [pa.py_buffer(validity) if nulls else None, pa.py_buffer(indices)]
    coded = pa.Array.from_buffers(pa.int32(), count, buffers, nulls)
    return pa.DictionaryArray.from_arrays(coded, dictionary, safe=False)


def boolean_array(flags: npt.NDArray[np.int8], order: Order) -> pa.Array:
    """Bytes of the rows in ``order``: 0 null, 1 false, 2 true."""
    if not flags.any():
        return pa.nulls(len(order), pa.bool_())
    values, validity = _bits(len(order)), _bits(len(order))
    nulls = spread_flags(order, flags, values, validity)
    buffers = [pa.py_buffer(validity) if nulls else None, pa.py_buffer(values)]
    return pa.Array.from_buffers(pa.bool_(), len(order), buffers, nulls)


def instant_array(times: npt.NDArray[np.int64], is_null: npt.NDArray[np.bool_] | None = None) -> pa.Array:
    """Microseconds since 1970 as UTC timestamps."""
    return pa.array(times, type=pa.int64(), mask=is_null).view(pa.timestamp("us", tz="UTC"))
