"""What the fork server does without: loaded before anything else there, so that its workers start sooner and smaller.

What enters and leaves: nothing. This module must only be loaded by the fork server: what it says holds for the whole
process and its forks.
"""

from __future__ import annotations

import gc
import sys

import pipeline.jobs.ingest_libraries  # noqa: F401 - says what libraries do without


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
