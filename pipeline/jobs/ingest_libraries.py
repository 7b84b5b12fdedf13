"""What libraries are to do without in a process that forks workers: they read it in the environment as they load.

What enters and leaves: nothing; importing this module says it. It must only be loaded by a process of this program's
own, the command or the fork server, and before anything there loads numpy or Arrow: it holds for all of the process.
"""

from __future__ import annotations

import os

# numpy starts a thread for each processor to multiply matrices, of which there are none here: 0.07 s of spinning, and
# beside a thread the command is not to be forked (``ingest_fork``).
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
# With one allocator for Arrow's libraries and all else, what one frees is there for the other (``ingest_pool``).
os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")
# Of a column for all rows a few are touched: of huge pages the kernel clears megabytes for each, task after task.
os.environ.setdefault("NUMPY_MADVISE_HUGEPAGE", "0")
