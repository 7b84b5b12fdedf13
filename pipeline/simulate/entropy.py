"""Identifiers that look like AWS's own, all drawn from one seed.

What enters: a seed and words that name a purpose. What leaves: ids, keys, tokens, draws. The same seed and words give
the same sequence on every machine and Python version. This module must never read a clock or the system's entropy.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")

_BASE32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
_BASE62 = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"


class Entropy:
    """A seeded source of draws; ``branch`` gives an independent one, so that adding a draw here moves nothing there."""

    def __init__(self, seed: int, *scope: object) -> None:
        self._seed = seed
        self._scope = scope
        text = "/".join(str(part) for part in (seed, *scope))
        # hash() of a str changes by process; SHA-256 of the words does not.
        self.random = random.Random(int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big"))  # noqa: S311

    def branch(self, *scope: object) -> Entropy:
        """Return an independent source named by this one's scope and ``scope``."""
        return Entropy(self._seed, *self._scope, *scope)

    def digits(self, count: int) -> str:
        """Return ``count`` decimal digits."""
        return "".join(str(self.random.randrange(10)) for _ in range(count))

    def hex(self, count: int) -> str:
        """Return ``count`` lower-case hexadecimal digits."""
        return self.random.randbytes((count + 1) // 2).hex()[:count]

    def uuid(self) -> str:
        """Return a random UUID of version 4, as ``eventID`` has."""
        return uuid_of(self.random.randbytes(16).hex())

    def letters(self, count: int) -> str:
        """Return ``count`` letters and digits, as in generated resource names."""
        return "".join(self.random.choices(_BASE62, k=count))

    def unique_id(self, prefix: str) -> str:
        """Return an IAM unique id or key id: ``AROA``, ``AIDA``, ``AKIA``, ``ASIA`` and 16 more."""
        return prefix + "".join(self.random.choices(_BASE32, k=17 if prefix in ("AROA", "AIDA") else 16))

    def token(self) -> str:
        """Return an STS session token; the pipeline must never let one through."""
        return "IQoJb3JpZ2luX2Vj" + "".join(self.random.choices(_BASE62, k=420)) + "=="

    def pick(self, items: Sequence[T]) -> T:
        """Return one of ``items``."""
        return items[self.random.randrange(len(items))]

    def sample(self, items: Sequence[T], count: int) -> list[T]:
        """Return ``count`` distinct positions' items (fewer where there are fewer)."""
        return self.random.sample(items, min(count, len(items)))

    def between(self, low: int, high: int) -> int:
        """Return an integer from ``low`` to ``high``, both included."""
        return self.random.randint(low, high)

    def chance(self, probability: float) -> bool:
        """Return True with the given probability."""
        return self.random.random() < probability


def uuid_of(digits: str) -> str:
    """Return 32 hexadecimal digits as a version 4 UUID."""
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-a{digits[17:20]}-{digits[20:32]}"
