import hashlib
import subprocess
import sys
from pathlib import Path

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.flatten.hashing import hash_spans

_ROOT = Path(__file__).resolve().parents[2]


@settings(deadline=None)
@given(st.lists(st.binary(max_size=300), min_size=1, max_size=8))
def test_spans_hash_as_hashlib_hashes_them(pieces: list[bytes]) -> None:
    """Each span of one buffer has its own digest, that of ``hashlib``."""
    buffer = np.frombuffer(b"".join(pieces) + b"\0", dtype=np.uint8)
    ends = buffer.ctypes.data + np.cumsum([len(piece) for piece in pieces], dtype=np.int64)
    starts = ends - np.array([len(piece) for piece in pieces], dtype=np.int64)
    assert [bytes(row) for row in hash_spans(starts, ends)] == [hashlib.sha256(piece).digest() for piece in pieces]


def test_without_openssl_functions_hashlib_does_the_work() -> None:
    """An interpreter whose OpenSSL hides its plain functions gives the same digests."""
    code = (
        "import hashlib, numpy as np\n"
        "from pipeline.flatten import hashing\n"
        "hashing._FUNCTIONS = ('SHA256_Init', 'no_such_function', 'SHA256_Final')\n"
        "data = np.frombuffer(b'abcdef', dtype=np.uint8)\n"
        "starts = data.ctypes.data + np.array([0, 3, 6], dtype=np.int64)\n"
        "found = hashing.hash_spans(starts, data.ctypes.data + np.array([3, 6, 6], dtype=np.int64))\n"
        "assert hashing._find_functions() == ()\n"
        "assert [bytes(row) for row in found] == [hashlib.sha256(x).digest() for x in (b'abc', b'def', b'')]\n"
        "print('same')\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=_ROOT, check=True)
    assert done.stdout.strip() == "same"
