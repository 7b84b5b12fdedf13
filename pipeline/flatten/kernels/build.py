"""Compiles the entry points into one object file.

What enters: the modules of this folder. What leaves: the object file, for this processor, and the names in it. This
module must never give out code that asks for more than the C library's memory functions.
"""

from __future__ import annotations

from importlib import import_module

from llvmlite import binding
from numba import types
from numba.core.registry import cpu_target

from pipeline.flatten.kernels import delimit, gather, hashing, interning, rows, scanner
from pipeline.flatten.kernels.memory import ENTRY_POINTS

MODULES = (delimit, scanner, interning, rows, gather, hashing)
"""Those with entry points; importing them fills ``ENTRY_POINTS``."""

_MEMORY_FUNCTIONS = {"memcpy", "memset", "memmove", "memcmp", "bcmp", "bzero", "memset_pattern16"}


def build_object() -> tuple[bytes, dict[str, tuple[str, int]]]:
    """Compile every entry point.

    Returns:
        The object file; for each entry point its symbol, a function by numba's calling convention, and how many words
        it takes.
    """
    if _has_sha():
        import_module("pipeline.flatten.kernels.sha256")
    whole = binding.parse_assembly("")
    symbols = {}
    for name, dispatcher in ENTRY_POINTS.items():
        [words] = dispatcher.overloads
        made = dispatcher.overloads[words]
        if types.unliteral(made.signature.return_type) != types.int64:
            raise TypeError(f"{name} returns {made.signature.return_type}, not a word")
        symbols[name] = (made.fndesc.llvm_func_name, len(words))
        whole.link_in(binding.parse_assembly(dispatcher.inspect_llvm(words)))
    _check_self_contained(whole)
    return _target_machine().emit_object(whole), symbols


def _has_sha() -> bool:
    """Whether code is made for a processor with instructions for SHA-256; numba's settings can say otherwise."""
    _, _, features = cpu_target.target_context.codegen().magic_tuple()
    return "+sha" in features.split(",") and bool(binding.get_host_cpu_features().get("sha"))


def _target_machine() -> binding.TargetMachine:
    """As numba makes its own for code that it runs at once."""
    target = binding.Target.from_triple(binding.get_process_triple())
    return target.create_target_machine(
        binding.get_host_cpu_name(),
        binding.get_host_cpu_features().flatten(),
        opt=3,
        reloc="static" if target.name.startswith("x86") else "default",
        codemodel="jitdefault",
        jit=True,
    )


def _check_self_contained(module: binding.ModuleRef) -> None:
    wanted = {function.name for function in module.functions if function.is_declaration}
    unknown = {name for name in wanted - _MEMORY_FUNCTIONS if not name.startswith("llvm.")}
    if unknown:
        raise RuntimeError(f"compiled code asks for {', '.join(sorted(unknown))}, which no process without numba has")
