"""SHA-256 of many short spans, in compiled code: OpenSSL's own, called without a Python object per span.

What enters: addresses within buffers that the caller keeps alive, and of OpenSSL's functions. What leaves: digests.
This module must never be called with functions that ``hashing`` did not try first.
"""

# mypy: disable-error-code=untyped-decorator
# numba ships no types for its decorators.

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from pipeline.flatten.kernels.memory import entry_point, item
from pipeline.flatten.state import DIGEST_BYTES


@intrinsic
def _call(typing_context: Any, function: Any, first: Any, second: Any, third: Any) -> Any:
    """Call the C function at an address with three words; one that takes fewer ignores the rest."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        word = ir.IntType(64)
        kind = ir.FunctionType(ir.IntType(32), [word, word, word])
        pointer = builder.inttoptr(args[0], kind.as_pointer())
        return builder.sext(builder.call(pointer, list(args[1:])), word)

    return types.int64(types.int64, types.int64, types.int64, types.int64), generate


@entry_point
def call_openssl(
    begin: Any, update: Any, finish: Any, starts: Any, ends: Any, count: Any, context: Any, digests: Any
) -> Any:
    """Hash every span; ``context`` is OpenSSL's working memory."""
    for index in range(count):
        _call(begin, context, 0, 0)
        _call(update, context, item(starts, index), item(ends, index) - item(starts, index))
        _call(finish, digests + DIGEST_BYTES * index, context, 0)
    return 0
