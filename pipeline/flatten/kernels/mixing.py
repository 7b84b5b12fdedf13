"""What hashes in compiled code are made of: odd factors that spread a word's bits, and a shift that folds them back.

What enters and leaves: nothing. This module must never hold a hash itself: each is made for what it tells apart.

Source: the golden ratio's 64 bits (Knuth, "The Art of Computer Programming", 6.4), and two primes of xxHash64.
"""

from __future__ import annotations

import numpy as np

MIX_A, MIX_B, MIX_C = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xC2B2AE3D27D4EB4F), np.uint64(0x165667B19E3779F9)
SHIFT = np.uint64(29)
