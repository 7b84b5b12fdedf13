"""SHA-256 of many spans of memory, no Python object per span: by the processor's instructions, or by OpenSSL.

What enters: addresses within buffers that the caller keeps alive. What leaves: digests. This module must never return a
digest that ``hashlib`` would not: where the processor has no such instructions and the interpreter's OpenSSL does not
offer its plain functions, or they fail their test, ``hashlib`` does the work.
"""

from __future__ import annotations

import ctypes
import hashlib
from collections.abc import Callable, Sequence
from functools import lru_cache, partial
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from pipeline.flatten.memory import address, hold
from pipeline.flatten.native import call, has_entry
from pipeline.flatten.state import (
    DIGEST_BYTES,
    LANE_COUNT,
    LANE_DIGESTS,
    LANE_ENDS,
    LANE_SPAN,
    LANE_STARTS,
    LANE_WORDS,
)

_CONTEXT_BYTES = 512
"""Over four times what OpenSSL's SHA256_CTX takes."""
_FUNCTIONS = ("SHA256_Init", "SHA256_Update", "SHA256_Final")
_SAMPLE_LENGTHS = (0, 1, 55, 56, 63, 64, 65, 119, 120, 128, 200)
"""Around a block's end, and around where the length does not fit behind the message's last bytes."""

Addresses = npt.NDArray[np.int64]
Digests = npt.NDArray[np.uint8]


class ArchiveDigests(NamedTuple):
    """Digests of one archive.

    Attributes:
        stored: of its bytes as stored, lower-case hex.
        inflated: of its JSON, lower-case hex.
        records: a row of ``DIGEST_BYTES`` for each record.
    """

    stored: str
    inflated: str
    records: Digests


def hash_archives(
    stored: Sequence[bytes], inflated: Sequence[bytes | bytearray], spans: Sequence[tuple[Addresses, Addresses]]
) -> list[ArchiveDigests]:
    """Digests of archives, as stored and inflated, and of the spans of their records.

    In one call and side by side: the processor then does two messages in little more than the time of one.

    Args:
        stored: each archive as it was read.
        inflated: what each inflates to.
        spans: first bytes of each one's records in ``inflated``, and one past their last.
    """
    if not stored:
        return []
    count, held = len(stored), [hold(data) for data in (*stored, *inflated)]
    wholes = np.array([[data.address for data in held], [data.address + data.size for data in held]], dtype=np.int64)
    counts = [len(starts) for starts, _ in spans]
    records = np.stack([np.concatenate(side) for side in zip(*spans, strict=True)])
    records += np.repeat(wholes[0, count:], counts)
    digests = _hash_evenly(wholes[:, :count], wholes[:, count:], records)
    texts, size = digests[: 2 * count].tobytes().hex(), 2 * DIGEST_BYTES
    names = [texts[at : at + size] for at in range(0, len(texts), size)]
    rows = np.split(digests[2 * count :], np.cumsum(counts)[:-1])
    return [ArchiveDigests(*made) for made in zip(names[:count], names[count:], rows, strict=True)]


def _hash_evenly(stored: Addresses, inflated: Addresses, records: Addresses) -> Digests:
    """Digests of spans (rows of starts and of ends), in this order.

    Each lane has as many bytes, and both go through the JSON together, so that it comes from memory once.
    """
    if not _has_lanes():
        return hash_spans(*np.hstack([stored, inflated, records]))
    in_records, in_stored, in_json = (int((ends - starts).sum()) for starts, ends in (records, stored, inflated))
    cut = int(np.searchsorted(np.cumsum(records[1] - records[0]), (in_records + in_json - in_stored) // 2))
    lanes = np.hstack([records[:, :cut], stored]), np.hstack([inflated, records[:, cut:]])
    first, second = (_no_digests(lane.shape[1]) for lane in lanes)
    _hash_side_by_side((*lanes[0], first), (*lanes[1], second))
    count = inflated.shape[1]
    return np.concatenate([first[cut:], second[:count], first[:cut], second[count:]])


def hash_spans(starts: Addresses, ends: Addresses) -> Digests:
    """Digests of spans of memory.

    Args:
        starts: address of each span.
        ends: one past its last byte.

    Returns:
        A row of ``DIGEST_BYTES`` for each span.

    Source:
        FIPS 180-4. ``hashlib`` spends more time on its object than on the bytes of an ordinary record.
    """
    if _has_lanes():
        return _hash_in_halves(starts, ends)
    functions = _find_functions()
    return _hash_natively(functions, starts, ends) if functions else _hash_in_python(starts, ends)


def _no_digests(count: int) -> Digests:
    return np.empty((count, DIGEST_BYTES), dtype=np.uint8)


def _hash_in_halves(starts: Addresses, ends: Addresses) -> Digests:
    """The first half of all bytes beside the second."""
    digests = _no_digests(len(starts))
    reached = np.cumsum(ends - starts)
    middle = int(np.searchsorted(reached, reached[-1] // 2)) if len(reached) else 0
    _hash_side_by_side(*((starts[half], ends[half], digests[half]) for half in (slice(middle), slice(middle, None))))
    return digests


def _hash_side_by_side(*lanes: tuple[Addresses, Addresses, Digests]) -> None:
    """Hash the spans of two lanes: where they start, where they end, where their digests go."""
    made = np.zeros((2, LANE_WORDS), dtype=np.int64)
    for lane, (starts, ends, digests) in zip(made, lanes, strict=True):
        lane[LANE_SPAN], lane[LANE_COUNT] = -1, len(starts)
        lane[LANE_STARTS], lane[LANE_ENDS] = address(starts, np.int64), address(ends, np.int64)
        lane[LANE_DIGESTS] = address(digests, np.uint8)
    call("hash_lanes", address(made[0]), address(made[1]))


@lru_cache(maxsize=1)
def _has_lanes() -> bool:
    """Whether this processor has instructions for SHA-256, and our use of them gives what ``hashlib`` gives."""
    if not has_entry("hash_lanes"):
        return False
    return _is_right(_hash_in_halves)


def _hash_natively(functions: tuple[int, ...], starts: Addresses, ends: Addresses) -> Digests:
    digests = _no_digests(len(starts))
    context = np.zeros(_CONTEXT_BYTES, dtype=np.uint8)
    spans = (address(starts, np.int64), address(ends, np.int64), len(starts))
    call("call_openssl", *functions, *spans, address(context), address(digests))
    return digests


def _hash_in_python(starts: Addresses, ends: Addresses) -> Digests:
    found = [
        hashlib.sha256((ctypes.c_char * (end - start)).from_address(start)).digest()
        for start, end in zip(starts.tolist(), ends.tolist(), strict=True)
    ]
    return np.frombuffer(b"".join(found), dtype=np.uint8).reshape(-1, DIGEST_BYTES)


@lru_cache(maxsize=1)
def _find_functions() -> tuple[int, ...]:
    """Addresses of OpenSSL's functions in the library that ``hashlib`` itself uses; empty without them."""
    try:
        import _hashlib

        # Found through the extension's own dependencies: no guess at a library's name, and no second OpenSSL.
        library = ctypes.CDLL(_hashlib.__file__)
        pointers = [ctypes.cast(getattr(library, name), ctypes.c_void_p).value for name in _FUNCTIONS]
    except (ImportError, AttributeError, OSError):  # built into the interpreter, or an OpenSSL without them
        return ()
    functions = tuple(pointer for pointer in pointers if pointer)
    is_usable = len(functions) == len(_FUNCTIONS) and _is_right(partial(_hash_natively, functions))
    return functions if is_usable else ()


def _is_right(hash_them: Callable[[Addresses, Addresses], Digests]) -> bool:
    """Whether it hashes as ``hashlib`` does, over lengths around a block's end."""
    lengths = np.array(_SAMPLE_LENGTHS, dtype=np.int64)
    sample = np.arange(lengths.sum()).astype(np.uint8)
    ends = address(sample) + np.cumsum(lengths)
    return bool((hash_them(ends - lengths, ends) == _hash_in_python(ends - lengths, ends)).all())
