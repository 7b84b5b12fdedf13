"""The compiled code as Python calls it: made once, kept, and loaded without its compiler."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from llvmlite import binding

from pipeline.flatten import kept_file, native
from pipeline.flatten.memory import address

_ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def compiled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """Keeps code in an empty folder; each entry stands for a compilation, which gives out the code of this process."""
    kept = kept_file.read_kept(f"kernels-{native._describe_target()}.bin", native._stamp_sources())
    made: list[bytes] = []

    def compile_again() -> bytes:
        made.append(kept if kept is not None else actual())
        return made[-1]

    actual: Callable[[], bytes] = native._compile
    monkeypatch.setattr(native, "_compile", compile_again)
    monkeypatch.setattr(kept_file, "_folders", lambda: iter([tmp_path]))
    return made


def _load_afresh() -> int:
    """What a new process would do; the result of one of its functions."""
    code = native.get_code.__wrapped__()
    assert set(code) == set(native.get_code())
    block = np.zeros(8, dtype=np.int64)
    return int(code["fill_table"](address(np.zeros(1, dtype=np.int64)), 0, address(block)))


def test_code_is_compiled_once(compiled: list[bytes]) -> None:
    """The second process loads what the first one kept."""
    assert (_load_afresh(), _load_afresh(), len(compiled)) == (0, 0, 1)


def test_damaged_code_is_compiled_again(compiled: list[bytes], tmp_path: Path) -> None:
    """A file cut short is noticed before anything in it runs, and replaced."""
    _load_afresh()
    [path] = tmp_path.iterdir()
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    assert (_load_afresh(), len(compiled), path.read_bytes()) == (0, 2, whole)


def test_code_of_other_sources_or_another_processor_is_not_run(
    compiled: list[bytes], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Each change compiles again: of a source in place of the old code, of a processor beside it."""
    _load_afresh()
    monkeypatch.setattr(native, "_stamp_sources", lambda: "0" * 64)
    _load_afresh()
    assert (len(compiled), len(list(tmp_path.iterdir()))) == (2, 1)
    monkeypatch.setattr(binding, "get_host_cpu_name", lambda: "another")
    monkeypatch.setattr(native, "_load", lambda kept: native.get_code())
    _load_afresh()
    assert (len(compiled), len(list(tmp_path.iterdir()))) == (3, 2)


def test_a_status_is_an_error() -> None:
    """Compiled code raises nothing; if it ever did, its result would not be taken for one."""
    code = native.get_code()
    assert native.call("hash_key", address(np.zeros(8, dtype=np.uint8)), 4, 1) != 0
    code["broken"] = lambda *words: 1
    with pytest.raises(AssertionError, match="broken ended with status 1"):
        native.call("broken")
    del code["broken"]


def test_only_arrays_as_compiled_code_reads_them_have_an_address() -> None:
    """Gaps, and elements of another type, are refused instead of read as something else."""
    words = np.arange(10)
    assert address(words, np.int64) == address(words)
    for array in (words[::2], words.astype(np.int32), np.asfortranarray(np.zeros((3, 3)))):
        with pytest.raises(TypeError, match="contiguous"):
            address(array, np.int64)


def test_workers_load_neither_compiler_nor_pandas() -> None:
    """What the fork server preloads takes a record through every step with the kept code alone."""
    native.get_code()
    names = [f"pipeline.jobs.ingest_{name}" for name in ("lean", "worker", "warm")]
    code = f"import {', '.join(names)}, sys; print(sorted({{'numba', 'pandas', 'pyarrow'}} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=_ROOT, check=True)
    assert done.stdout.strip() == "['pyarrow']"
