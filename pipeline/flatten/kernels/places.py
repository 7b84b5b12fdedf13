"""What a place's bytes are before they are copied anywhere, in compiled code.

What enters: addresses. What leaves: numbers. This module must never read past a place's length.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from pipeline.flatten.kernels.memory import compiled, load8, load64

_WORD = 8
_EIGHT, _SIXTEEN, _WORD_BITS = (np.uint64(bits) for bits in (8, 16, 32))
_BYTES, _PAIRS = np.uint64(0x00FF00FF00FF00FF), np.uint64(0x0000FFFF0000FFFF)


@compiled
def leading_key(at: Any, length: Any) -> Any:
    """The first eight bytes, zeros behind the end, as a number that sorts as they do."""
    if length < _WORD:
        key = 0
        for place in range(_WORD):
            key = key << 8 | (load8(at + place) if place < length else 0)
        return np.int64(key)
    word = load64(at)
    word = (word >> _EIGHT & _BYTES) | (word & _BYTES) << _EIGHT
    word = (word >> _SIXTEEN & _PAIRS) | (word & _PAIRS) << _SIXTEEN
    return np.int64(word >> _WORD_BITS | word << _WORD_BITS)
