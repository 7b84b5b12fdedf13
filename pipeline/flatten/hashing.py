"""SHA-256 of many short spans: OpenSSL's own code, called from compiled code, no Python object per record.

What enters: addresses within buffers that the caller keeps alive. What leaves: a table of digests. This module must
never return a digest that ``hashlib`` would not: where the interpreter's OpenSSL does not offer its plain functions,
or they fail their test, ``hashlib`` does the work.
"""

from __future__ import annotations

import ctypes
import hashlib
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from pipeline.flatten.memory import address
from pipeline.flatten.native import call
from pipeline.flatten.state import DIGEST_BYTES

_CONTEXT_BYTES = 512
"""Over four times what OpenSSL's SHA256_CTX takes."""
_FUNCTIONS = ("SHA256_Init", "SHA256_Update", "SHA256_Final")

Addresses = npt.NDArray[np.int64]
Digests = npt.NDArray[np.uint8]


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
    functions = _find_functions()
    return _hash_natively(functions, starts, ends) if functions else _hash_in_python(starts, ends)


def _hash_natively(functions: tuple[int, ...], starts: Addresses, ends: Addresses) -> Digests:
    digests = np.empty((len(starts), DIGEST_BYTES), dtype=np.uint8)
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
    return functions if len(functions) == len(_FUNCTIONS) and _is_right(functions) else ()


def _is_right(functions: tuple[int, ...]) -> bool:
    """Whether they hash as ``hashlib`` does, over lengths around a block's end."""
    sample = np.arange(200, dtype=np.uint8)
    ends = address(sample) + np.array([0, 1, 55, 56, 63, 64, 65, 119, 128, 200], dtype=np.int64)
    starts = np.full(len(ends), address(sample), dtype=np.int64)
    return bool((_hash_natively(functions, starts, ends) == _hash_in_python(starts, ends)).all())
