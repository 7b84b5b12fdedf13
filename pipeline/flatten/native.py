"""The compiled code as Python calls it: machine code kept on disk, loaded without the compiler that made it.

What enters: the name of an entry point (see ``kernels``), addresses and numbers. What leaves: a number. This module
must never run code that was made from other sources, by another compiler or for another processor, or that was damaged.

numba takes a third of a second and 80 MB to import, and as much again to load what it keeps itself; a worker only needs
the machine code. So numba is imported where none is found, once for each processor and version.
"""

from __future__ import annotations

import ctypes
import hashlib
import json
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from pipeline.flatten.kept_file import read_kept, write_kept

_ROOM = Path(__file__).parent


_engines: list[Any] = []  # what holds the code, for as long as the process lives: a thread may be in it


def call(name: str, *words: int) -> int:
    """Call an entry point; other threads go on meanwhile.

    Args:
        name: of a function with ``entry_point`` in ``kernels``.
        words: its arguments. What is behind an address must be as large as the entry point assumes, and stay alive.

    Returns:
        What it returned.
    """
    result, why = ctypes.c_int64(), ctypes.c_void_p()
    # numba's calling convention: where to put the result, where to put an exception, the arguments; the status.
    status = get_code()[name](ctypes.byref(result), ctypes.byref(why), *words)
    if status:
        raise AssertionError(f"{name} ended with status {status}: compiled code raises nothing")
    return result.value


def has_entry(name: str) -> bool:
    """Whether there is such an entry point for this processor."""
    return name in get_code()


@lru_cache(maxsize=1)
def get_code() -> dict[str, Any]:
    """The entry points by name: kept from before, or compiled now and kept where a folder can be written."""
    file_name, stamp = f"kernels-{_describe_target()}.bin", _stamp_sources()
    kept = read_kept(file_name, stamp)
    if kept is None:
        kept = _compile()
        write_kept(file_name, stamp, kept)
    return _load(kept)


def _describe_target() -> str:
    """What the code depends on beside its sources: processor, compiler, and the place of the installation."""
    from llvmlite import __version__, binding  # here, for rooms that load this one and compute nothing

    numba = find_spec("numba")  # found, not imported
    version = Path(numba.origin).with_name("_version.py").read_bytes() if numba and numba.origin else b""
    processor = f"{binding.get_process_triple()} {binding.get_host_cpu_name()}"
    features = binding.get_host_cpu_features().flatten()
    parts = [str(_ROOM), processor, features, __version__]
    return hashlib.sha256("\0".join(parts).encode() + version).hexdigest()[:16]


def _stamp_sources() -> str:
    """Hash of the room's sources: compiled code takes constants from all of them."""
    digest = hashlib.sha256()
    for source in sorted([*_ROOM.glob("*.py"), *(_ROOM / "kernels").glob("*.py")]):
        digest.update(source.read_bytes())
    return digest.hexdigest()


def _compile() -> bytes:
    """The object file behind a line that names its symbols."""
    from pipeline.flatten.kernels.build import build_object

    code, entries = build_object()
    return json.dumps(entries).encode() + b"\n" + code


def _load(kept: bytes) -> dict[str, Any]:
    from llvmlite import binding

    line, _, code = kept.partition(b"\n")
    binding.initialize_native_target()
    binding.initialize_native_asmprinter()
    target = binding.Target.from_triple(binding.get_process_triple())
    engine = binding.create_mcjit_compiler(binding.parse_assembly(""), target.create_target_machine(jit=True))
    engine.add_object_file(binding.ObjectFileRef.from_data(code))
    engine.finalize_object()
    _engines.append(engine)
    functions = {}
    for name, (symbol, count) in json.loads(line).items():
        words = [ctypes.c_int64] * count
        kind = ctypes.CFUNCTYPE(ctypes.c_int32, ctypes.c_void_p, ctypes.c_void_p, *words)
        functions[name] = kind(engine.get_function_address(symbol))
    return functions
