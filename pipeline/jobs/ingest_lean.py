"""What the fork server does without: loaded before anything else there, so that its workers start sooner and smaller.

What enters and leaves: nothing. This module must only be loaded by the fork server: what it says holds for the whole
process and its forks.
"""

from __future__ import annotations

import gc
import os
import sys
from types import ModuleType


class _NoPandas:
    """Answers for pandas that there is none.

    Where pandas happens to be installed, pyarrow imports it on its first conversion, to know its types if it is given
    some: 0.2 s and 30 MB in every worker, which never sees one. (A None in sys.modules, the usual way, is taken for the
    module itself by compiled importers such as pyarrow.)
    """

    def find_spec(self, name: str, path: object = None, target: object = None) -> None:
        """Refuse pandas; others may find the rest."""
        if name == "pandas":
            raise ModuleNotFoundError("workers do without pandas", name=name)


class _NoDocumentation(dict[str, list[object]]):
    """What pyarrow asks of numpy's reader of docstrings: here none has parameters to speak of."""

    def __init__(self, text: str) -> None:
        super().__init__(Parameters=[])


def _load_compute() -> None:
    """Load Arrow's functions without writing their help, half of what loading them takes: nobody asks a worker."""
    reader = ModuleType("pyarrow.vendored.docscrape")
    reader.NumpyDocString = _NoDocumentation  # type: ignore[attr-defined]
    sys.modules[reader.__name__] = reader
    try:
        import pyarrow.compute  # noqa: F401
    except (AttributeError, ImportError, KeyError, TypeError):  # another version may ask for more: it loads its own
        del sys.modules[reader.__name__]


gc.disable()  # what is loaded here stays; workers turn it on again
sys.meta_path.insert(0, _NoPandas())
# numpy starts a thread for each processor to multiply matrices, of which workers have none: 0.07 s of spinning.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
# With one allocator for Arrow's libraries and all else, what one frees is there for the other (``_keep_memory``).
os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")
_load_compute()
