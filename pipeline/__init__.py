"""PolicyTrail: who changed what a role may do, who was that in truth, what came of it, how unusual was it.

The rooms, in the order data flows (docs/adr/0001-house.md):

    source -> archive -> flatten -> lake -> models -> findings -> report
    policy: what a document grants      remediation: plans      simulate: labelled archives
    jobs: the only place where rooms meet      cli, api: the two faces
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pipeline.api import open_lake

__version__ = "0.1.0"
__all__ = ["__version__", "open_lake"]


def __getattr__(name: str) -> Any:
    # Lazy: a worker process imports its own room only; polars and duckdb together cost seconds.
    if name == "open_lake":
        from pipeline.api import open_lake

        return open_lake
    raise AttributeError(f"module 'pipeline' has no attribute {name!r}")
