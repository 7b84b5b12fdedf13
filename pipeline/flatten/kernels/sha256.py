"""SHA-256 of two messages at a time, by the instructions that x86 processors have for it.

What enters: addresses within buffers that the caller keeps alive. What leaves: digests. This module must never be
imported for a processor without those instructions: LLVM ends the process.

One message is bound by the time that a step takes, for the next one needs its result; while the processor waits, it can
do the steps of another message. So there are two lanes, each with its messages one after another.

Source: FIPS 180-4; Intel, "New Instructions Supporting the Secure Hash Algorithm", for the order of words in registers.
"""

# mypy: disable-error-code=untyped-decorator
# numba ships no types for its decorators.

from __future__ import annotations

from math import isqrt
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from pipeline.flatten.kernels.memory import compiled, constant, copy_bytes, entry_point, item, load8, put, store8
from pipeline.flatten.state import (
    LANE_AT,
    LANE_BLOCKS,
    LANE_COUNT,
    LANE_DIGESTS,
    LANE_ENDS,
    LANE_HAS_TAIL,
    LANE_SPAN,
    LANE_STARTS,
    LANE_TAIL,
)

_BLOCK, _GROUPS = 64, 16
_VECTOR, _WORD = ir.VectorType(ir.IntType(32), 4), ir.IntType(64)


def _primes(count: int) -> list[int]:
    found: list[int] = []
    number = 2
    while len(found) < count:
        if all(number % prime for prime in found):
            found.append(number)
        number += 1
    return found


def _cube_root(number: int) -> int:
    """The whole part."""
    root = 0
    for bit in range(number.bit_length() // 3, -1, -1):
        if (root + (1 << bit)) ** 3 <= number:
            root += 1 << bit
    return root


# The first 32 bits of the fractions of roots of primes, in whole numbers: root(p * 2**n) is root(p) moved left.
_STEPS = [_cube_root(prime << 96) & 0xFFFFFFFF for prime in _primes(64)]
_A, _B, _C, _D, _E, _F, _G, _H = (isqrt(prime << 64) & 0xFFFFFFFF for prime in _primes(8))
_BEGIN = constant(np.array([_F, _E, _B, _A, _H, _G, _D, _C], dtype="<u4").tobytes())
_PLACES = constant(bytes(4 * word + 3 - byte for word in (3, 2, 7, 6, 1, 0, 5, 4) for byte in range(4)))
"""Where each byte of a digest is in a lane's state."""


class _Emitter:
    """Writes the steps of one block for each lane, group by group: the lanes' instructions take turns."""

    def __init__(self, builder: Any, states: list[tuple[Any, Any]], blocks: list[Any]) -> None:
        self._builder = builder
        self._states = [list(state) for state in states]
        self._blocks = blocks
        self._schedule: list[list[Any]] = [[] for _ in blocks]

    def emit(self) -> list[tuple[Any, Any]]:
        """The states after all steps."""
        for group in range(_GROUPS):
            steps = ir.Constant(_VECTOR, _STEPS[4 * group : 4 * group + 4])
            words = [self._builder.add(self._expand(lane, group), steps) for lane in range(len(self._blocks))]
            for lane, word in enumerate(words):
                self._step(lane, word)
            for lane, word in enumerate(words):
                self._step(lane, self._builder.shuffle_vector(word, word, ir.Constant(_VECTOR, [2, 3, 2, 3])))
        return [(first, second) for first, second in self._states]

    def _step(self, lane: int, word: Any) -> None:
        """Two steps: what was the first half of the state is the second half then."""
        first, second = self._states[lane]
        self._states[lane] = [self._call("llvm.x86.sha256rnds2", second, first, word), first]

    def _expand(self, lane: int, group: int) -> Any:
        """The message's words of a group, from the block or from those before."""
        made = self._schedule[lane]
        if group < 4:
            moved = self._builder.add(self._blocks[lane], ir.Constant(_WORD, 16 * group))
            place = self._builder.inttoptr(moved, _VECTOR.as_pointer())
            made.append(self._call("llvm.bswap.v4i32", _load(self._builder, place)))
        else:
            mixed = self._call("llvm.x86.sha256msg1", made[-4], made[-3])
            shifted = self._builder.shuffle_vector(made[-2], made[-1], ir.Constant(_VECTOR, [1, 2, 3, 4]))
            made.append(self._call("llvm.x86.sha256msg2", self._builder.add(mixed, shifted), made[-1]))
        return made[-1]

    def _call(self, name: str, *args: Any) -> Any:
        kind = ir.FunctionType(_VECTOR, [_VECTOR] * len(args))
        return self._builder.call(cgutils.get_or_insert_function(self._builder.module, kind, name), args)


def _load(builder: Any, place: Any) -> Any:
    load = builder.load(place)
    load.align = 1  # numpy promises no more
    return load


def _compress(context: Any, builder: Any, lanes: list[tuple[Any, Any]], count: Any) -> Any:
    """Take ``count`` blocks into each lane: pairs of the addresses of a state and of blocks."""
    addresses = [builder.add(state, ir.Constant(_WORD, half)) for state, _ in lanes for half in (0, 16)]
    places = [builder.inttoptr(address, _VECTOR.as_pointer()) for address in addresses]
    # Slots that only this function sees: LLVM keeps them in registers.
    slots = [cgutils.alloca_once_value(builder, _load(builder, place)) for place in places]
    with cgutils.for_range(builder, count) as loop:
        before = [builder.load(slot) for slot in slots]
        _store(builder, before, places)
        # What follows may have changed memory, LLVM is told: it loads these states again when it adds them, where it
        # would hold them in four of sixteen registers, and move what the next block waits for to the stack and back.
        builder.asm(ir.FunctionType(ir.VoidType(), []), "", "~{memory}", [], side_effect=True)
        moved = builder.mul(loop.index, ir.Constant(_WORD, _BLOCK))
        blocks = [builder.add(at, moved) for _, at in lanes]
        halves = list(zip(before[::2], before[1::2], strict=True))
        after = [half for state in _Emitter(builder, halves, blocks).emit() for half in state]
        sums = [builder.add(_load(builder, place), half) for place, half in zip(places, after, strict=True)]
        _store(builder, sums, slots)
    _store(builder, [builder.load(slot) for slot in slots], places)
    return context.get_dummy_value()


def _store(builder: Any, values: list[Any], places: list[Any]) -> None:
    for value, place in zip(values, places, strict=True):
        builder.store(value, place).align = 1


@intrinsic
def compress_one(typing_context: Any, state: Any, at: Any, count: Any) -> Any:
    """Take ``count`` blocks at ``at`` into one state."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return _compress(context, builder, [(args[0], args[1])], args[2])

    return types.void(*[types.int64] * 3), generate


@intrinsic
def compress_two(typing_context: Any, state: Any, at: Any, other_state: Any, other_at: Any, count: Any) -> Any:
    """Take ``count`` blocks into each of two states."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return _compress(context, builder, [(args[0], args[1]), (args[2], args[3])], args[4])

    return types.void(*[types.int64] * 5), generate


@compiled
def _begin_span(lane: Any, span: Any) -> Any:
    at = item(item(lane, LANE_STARTS), span)
    copy_bytes(lane, _BEGIN(), 32)
    put(lane, LANE_SPAN, span)
    put(lane, LANE_AT, at)
    put(lane, LANE_BLOCKS, (item(item(lane, LANE_ENDS), span) - at) // _BLOCK)
    put(lane, LANE_HAS_TAIL, 0)


@compiled
def _begin_tail(lane: Any) -> Any:
    """The message's last bytes, a one bit, zeros, and its length in bits: one block, or two."""
    span = item(lane, LANE_SPAN)
    end = item(item(lane, LANE_ENDS), span)
    length = end - item(item(lane, LANE_STARTS), span)
    rest, tail = length % _BLOCK, lane + 8 * LANE_TAIL
    blocks = 1 if rest < 56 else 2
    for word in range(16):
        put(tail, word, 0)
    copy_bytes(tail, end - rest, rest)
    store8(tail + rest, 0x80)
    for byte in range(8):
        store8(tail + blocks * _BLOCK - 1 - byte, (8 * length) >> (8 * byte))
    put(lane, LANE_AT, tail)
    put(lane, LANE_BLOCKS, blocks)
    put(lane, LANE_HAS_TAIL, 1)


@compiled
def _write_digest(lane: Any) -> Any:
    digest = item(lane, LANE_DIGESTS) + 32 * item(lane, LANE_SPAN)
    for byte in range(32):
        store8(digest + byte, load8(lane + load8(_PLACES() + byte)))


@compiled
def _advance(lane: Any) -> Any:
    """Give the lane its next blocks if it has none; false when its last message is done."""
    while item(lane, LANE_BLOCKS) == 0:
        span = item(lane, LANE_SPAN)
        if span >= 0 and item(lane, LANE_HAS_TAIL) == 0:
            _begin_tail(lane)
            return True
        if span >= 0:
            _write_digest(lane)
        if span + 1 >= item(lane, LANE_COUNT):
            put(lane, LANE_COUNT, 0)
            put(lane, LANE_SPAN, -1)
            return False
        _begin_span(lane, span + 1)
    return True


@compiled
def _take(lane: Any, count: Any) -> Any:
    put(lane, LANE_AT, item(lane, LANE_AT) + _BLOCK * count)
    put(lane, LANE_BLOCKS, item(lane, LANE_BLOCKS) - count)


@compiled
def _finish(lane: Any) -> Any:
    while _advance(lane):
        compress_one(lane, item(lane, LANE_AT), item(lane, LANE_BLOCKS))
        _take(lane, item(lane, LANE_BLOCKS))


@entry_point
def hash_lanes(lane: Any, other: Any) -> Any:
    """Hash all messages of two lanes, side by side while both have some."""
    while _advance(lane) and _advance(other):
        count, others = item(lane, LANE_BLOCKS), item(other, LANE_BLOCKS)
        if others < count:
            count = others
        compress_two(lane, item(lane, LANE_AT), other, item(other, LANE_AT), count)
        _take(lane, count)
        _take(other, count)
    _finish(lane)
    _finish(other)
    return 0
