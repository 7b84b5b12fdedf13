"""Bytes at addresses, for compiled code: loads, copies, and 32 bytes looked at in one instruction.

What enters: addresses within buffers that the caller keeps alive. What leaves: values, or copied bytes. This module
must never be called with an address whose whole range the caller has not checked: nothing here is bounds-checked.

Addresses are plain int64 and no array is indexed: numba's wrap-around of negative indices alone costs a scanner a
factor of three, and unsigned integers turn into floats where they meet a literal.
"""

# mypy: disable-error-code=untyped-decorator
# numba ships no types for its decorators.

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

import numba
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

WIDTH = 32
"""Bytes that ``mark_quotes`` reads."""


def address(array: Any) -> int:
    """Where an array's bytes are; it must be contiguous, and outlive the use of its address."""
    return int(array.ctypes.data)


_OPTIONS: dict[str, Any] = {"nogil": True, "boundscheck": False, "error_model": "numpy"}


def compiled(function: Callable[..., Any]) -> Any:
    """Compile ``function`` as a part of the entry points that call it: no GIL, no bounds checks.

    Without what Python or C would call it by: half of what compiling it costs.
    """
    return numba.njit(no_cpython_wrapper=True, no_cfunc_wrapper=True, **_OPTIONS)(function)


def entry_point(function: Callable[..., Any]) -> Any:
    """Compile ``function`` on its first call and keep the machine code on disk where a folder can be written.

    Without one (a read-only installation and no home) it is compiled in each process instead. numba looks for a
    newer source in the function's own file only; here the code of the whole room counts, for it is all inlined.
    """
    try:
        dispatcher = numba.njit(cache=True, **_OPTIONS)(function)
        dispatcher._cache._cache_file._source_stamp = _room_stamp()
    except (RuntimeError, AttributeError):  # numba: "no locator available"; or a numba that keeps its cache elsewhere
        return numba.njit(**_OPTIONS)(function)
    return dispatcher


@lru_cache(maxsize=1)
def _room_stamp() -> str:
    """Hash of the room's sources."""
    sources = sorted(Path(__file__).parent.glob("*.py"))
    return hashlib.sha256(b"".join(source.read_bytes() for source in sources)).hexdigest()


def _pointer(builder: Any, address: Any, kind: Any) -> Any:
    return builder.inttoptr(address, kind.as_pointer())


@intrinsic
def load8(typing_context: Any, address: Any) -> Any:
    """The byte at ``address``."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.zext(builder.load(_pointer(builder, args[0], ir.IntType(8))), ir.IntType(64))

    return types.int64(types.int64), generate


@intrinsic
def load64(typing_context: Any, address: Any) -> Any:
    """The eight bytes at ``address``, little-endian, at any alignment."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        load = builder.load(_pointer(builder, args[0], ir.IntType(64)))
        load.align = 1
        return load

    return types.uint64(types.int64), generate


@intrinsic
def item(typing_context: Any, base: Any, index: Any) -> Any:
    """Element ``index`` of the int64 array at ``base``."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.load(builder.gep(_pointer(builder, args[0], ir.IntType(64)), [args[1]]))

    return types.int64(types.int64, types.int64), generate


@intrinsic
def put(typing_context: Any, base: Any, index: Any, value: Any) -> Any:
    """Write element ``index`` of the int64 array at ``base``."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        builder.store(args[2], builder.gep(_pointer(builder, args[0], ir.IntType(64)), [args[1]]))
        return context.get_dummy_value()

    return types.void(types.int64, types.int64, types.int64), generate


@intrinsic
def store8(typing_context: Any, address: Any, value: Any) -> Any:
    """Write one byte."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        builder.store(builder.trunc(args[1], ir.IntType(8)), _pointer(builder, args[0], ir.IntType(8)))
        return context.get_dummy_value()

    return types.void(types.int64, types.int64), generate


@intrinsic
def copy_bytes(typing_context: Any, target: Any, source: Any, count: Any) -> Any:
    """memcpy: ``count`` bytes from ``source`` to ``target``."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        byte = ir.IntType(8)
        target, source = (_pointer(builder, address, byte) for address in args[:2])
        cgutils.raw_memcpy(builder, target, source, args[2], 1, align=1)
        return context.get_dummy_value()

    return types.void(types.int64, types.int64, types.int64), generate


@intrinsic
def mark_quotes(typing_context: Any, address: Any) -> Any:
    """A bit for each of the 32 bytes at ``address`` that is a quote or a backslash; bit 0 is the first byte."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        vector = ir.VectorType(ir.IntType(8), WIDTH)
        load = builder.load(_pointer(builder, args[0], vector))
        load.align = 1
        quotes, slashes = (
            builder.icmp_unsigned("==", load, ir.Constant(vector, [ord(mark)] * WIDTH)) for mark in ('"', "\\")
        )
        bits = builder.bitcast(builder.or_(quotes, slashes), ir.IntType(WIDTH))
        return builder.zext(bits, ir.IntType(64))

    return types.int64(types.int64), generate


@intrinsic
def count_trailing_zeros(typing_context: Any, bits: Any) -> Any:
    """Index of the lowest set bit; ``bits`` must not be 0."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.cttz(args[0], ir.Constant(ir.IntType(1), 1))

    return types.int64(types.int64), generate


@compiled
def equal_bytes(left: Any, right: Any, count: Any) -> Any:
    """Whether ``count`` bytes at two addresses are the same."""
    at = 0
    while at + 8 <= count:
        if load64(left + at) != load64(right + at):
            return False
        at += 8
    while at < count:
        if load8(left + at) != load8(right + at):
            return False
        at += 1
    return True
