"""What the fork server does without: loaded before anything else there, so that its workers start sooner and smaller.

What enters and leaves: nothing. This module must only be loaded by the fork server: what it says holds for the whole
process and its forks.
"""

from __future__ import annotations

import gc
import os
import sys


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


gc.disable()  # what is loaded here stays; workers turn it on again
sys.meta_path.insert(0, _NoPandas())
# numpy starts a thread for each processor to multiply matrices, of which workers have none: 0.07 s of spinning.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
# With one allocator for Arrow's libraries and all else, what one frees is there for the other (``_keep_memory``).
os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")
# Of a column for all rows a few are touched: of huge pages the kernel clears megabytes for each, task after task.
os.environ.setdefault("NUMPY_MADVISE_HUGEPAGE", "0")
