"""Bytes at addresses, for compiled code: loads, copies, and 32 bytes looked at in one instruction.

What enters: addresses within buffers that the caller keeps alive. What leaves: values, or copied bytes. This module
must never be called with an address whose whole range the caller has not checked: nothing here is bounds-checked.

Addresses are plain int64 and no array is indexed: numba's wrap-around of negative indices alone costs a scanner a
factor of three, and unsigned integers turn into floats where they meet a literal. Without arrays, allocations and
exceptions the machine code needs nothing of numba to run.
"""

# mypy: disable-error-code=untyped-decorator
# numba ships no types for its decorators.

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numba
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from pipeline.flatten.state import BLOCK, STATE, VECTOR

ENTRY_POINTS: dict[str, Any] = {}
"""What Python calls, by name: functions of int64 words to an int64."""


_STATE = numba.from_dtype(STATE)


def compiled(function: Callable[..., Any]) -> Any:
    """Compile ``function`` as a part of the entry points that call it: no bounds checks.

    A parameter ``state`` is the record that the row filler works on, all others are words. Left to infer that, numba
    compiles a function again for each literal that it is called with, and takes a quarter longer. Left out is what
    Python or C would call it by: half of what compiling it costs.
    """
    kinds = tuple(_STATE if name == "state" else types.int64 for name in inspect.signature(function).parameters)
    options = {"no_cpython_wrapper": True, "no_cfunc_wrapper": True, "boundscheck": False, "error_model": "numpy"}
    return numba.njit(kinds, **options)(function)


def entry_point(function: Callable[..., Any]) -> Any:
    """Compile ``function`` and let Python call it, by ``native.call``."""
    ENTRY_POINTS[function.__name__] = compiled(function)
    return ENTRY_POINTS[function.__name__]


def constant(data: bytes) -> Any:
    """A function for compiled code that gives the address of ``data``, which becomes a part of the code."""

    @intrinsic
    def locate(typing_context: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            name = f".constant.{data.hex()}"  # equal names are equal data: modules that are put together share it
            variable = context.insert_unique_const(builder.module, name, cgutils.make_bytearray(data))
            variable.align = 8
            return builder.ptrtoint(variable, ir.IntType(64))

        return types.int64(), generate

    return locate


@intrinsic
def as_state(typing_context: Any, address: Any) -> Any:
    """The record at an address; its fields are read and set in place."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.inttoptr(args[0], context.get_value_type(_STATE))

    return _STATE(types.int64), generate


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
def item32(typing_context: Any, base: Any, index: Any) -> Any:
    """Element ``index`` of the int32 array at ``base``."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        load = builder.load(builder.gep(_pointer(builder, args[0], ir.IntType(32)), [args[1]]))
        return builder.sext(load, ir.IntType(64))

    return types.int64(types.int64, types.int64), generate


@intrinsic
def put(typing_context: Any, base: Any, index: Any, value: Any) -> Any:
    """Write element ``index`` of the int64 array at ``base``."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        builder.store(args[2], builder.gep(_pointer(builder, args[0], ir.IntType(64)), [args[1]]))
        return context.get_dummy_value()

    return types.void(types.int64, types.int64, types.int64), generate


@intrinsic
def put32(typing_context: Any, base: Any, index: Any, value: Any) -> Any:
    """Write element ``index`` of the int32 array at ``base``."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        place = builder.gep(_pointer(builder, args[0], ir.IntType(32)), [args[1]])
        builder.store(builder.trunc(args[2], ir.IntType(32)), place)
        return context.get_dummy_value()

    return types.void(types.int64, types.int64, types.int64), generate


@intrinsic
def store64(typing_context: Any, address: Any, value: Any) -> Any:
    """Write eight bytes, little-endian, at any alignment."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        store = builder.store(args[1], _pointer(builder, args[0], ir.IntType(64)))
        store.align = 1
        return context.get_dummy_value()

    return types.void(types.int64, types.uint64), generate


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
def prefetch(typing_context: Any, address: Any) -> Any:
    """Ask for the cache line at ``address``, which may be any number: what nothing is at is not asked for."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        byte, word = ir.IntType(8).as_pointer(), ir.IntType(32)
        kind = ir.FunctionType(ir.VoidType(), [byte, word, word, word])
        function = cgutils.get_or_insert_function(builder.module, kind, "llvm.prefetch.p0i8")
        builder.call(function, [_pointer(builder, args[0], ir.IntType(8)), *(word(number) for number in (0, 3, 1))])
        return context.get_dummy_value()

    return types.void(types.int64), generate


def _load_vector(builder: Any, address: Any, width: int = VECTOR) -> Any:
    load = builder.load(_pointer(builder, address, ir.VectorType(ir.IntType(8), width)))
    load.align = 1
    return load


def _compare(builder: Any, how: str, vector: Any, byte: int) -> Any:
    return builder.icmp_unsigned(how, vector, ir.Constant(vector.type, [byte] * vector.type.count))


def _bits_of(builder: Any, mask: Any) -> Any:
    bits = builder.bitcast(mask, ir.IntType(mask.type.count))
    return builder.zext(bits, ir.IntType(64)) if mask.type.count < BLOCK else bits


def _mark_ends(width: int) -> Any:
    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        vector = _load_vector(builder, args[0], width)
        quotes, slashes = (_compare(builder, "==", vector, ord(mark)) for mark in ('"', "\\"))
        controls = _compare(builder, "<", vector, ord(" "))
        return _bits_of(builder, builder.or_(builder.or_(quotes, slashes), controls))

    return generate


@intrinsic
def mark_ends(typing_context: Any, address: Any) -> Any:
    """A bit for each of the 32 bytes at ``address`` that is a quote, a backslash or a control character.

    Bit 0 is the first byte. These are the bytes at which plain text within a JSON string ends.
    """
    return types.int64(types.int64), _mark_ends(VECTOR)


@intrinsic
def mark_block(typing_context: Any, address: Any) -> Any:
    """The same of 64 bytes."""
    return types.int64(types.int64), _mark_ends(BLOCK)


@intrinsic
def is_other_vector(typing_context: Any, left: Any, right: Any) -> Any:
    """Whether the 32 bytes at two addresses differ; 0 if they do not."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        vectors = (_load_vector(builder, address) for address in args)
        return _bits_of(builder, builder.icmp_unsigned("!=", *vectors))

    return types.int64(types.int64, types.int64), generate


@intrinsic
def count_ones(typing_context: Any, bits: Any) -> Any:
    """How many bits are set."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.ctpop(args[0])

    return types.int64(types.int64), generate


@intrinsic
def mark_openings(typing_context: Any, address: Any) -> Any:
    """A bit for each of the 32 bytes at ``address`` that is an opening brace; bit 0 is the first byte."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return _bits_of(builder, _compare(builder, "==", _load_vector(builder, args[0]), ord("{")))

    return types.int64(types.int64), generate


@intrinsic
def mark_beyond_ascii(typing_context: Any, address: Any) -> Any:
    """A bit for each of the 32 bytes at ``address`` that is no ASCII character; bit 0 is the first byte."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return _bits_of(builder, _compare(builder, ">=", _load_vector(builder, args[0]), 0x80))

    return types.int64(types.int64), generate


@intrinsic
def count_trailing_zeros(typing_context: Any, bits: Any) -> Any:
    """Index of the lowest set bit; 64 for none."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.cttz(args[0], ir.Constant(ir.IntType(1), 0))

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


@compiled
def equal_texts(left: Any, right: Any, count: Any) -> Any:
    """The same of at least ``VECTOR`` bytes, a vector at a time; the last one overlaps the one before."""
    last = count - VECTOR
    for at in range(0, last, VECTOR):
        if is_other_vector(left + at, right + at):
            return False
    return is_other_vector(left + last, right + last) == 0
