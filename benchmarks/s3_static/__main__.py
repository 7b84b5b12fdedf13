"""``python -m benchmarks.s3_static FOLDER [--port N] [--delay-ms MS] [--memory]``: prints {"port": N}, then serves."""

from __future__ import annotations

import argparse
import asyncio
import json
from pathlib import Path

from benchmarks.s3_static.server import start_server
from benchmarks.s3_static.store import Store


async def _serve(store: Store, port: int, delay_ms: float) -> None:
    server = await start_server(store, port=port, delay_ms=delay_ms)
    print(json.dumps({"port": server.sockets[0].getsockname()[1], "objects": len(store.keys)}), flush=True)
    async with server:
        await server.serve_forever()


def main() -> None:
    """Serve until interrupted."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.s3_static", description="A bare S3 on loopback.")
    parser.add_argument("folder", type=Path, help="its files are the objects of every bucket")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--delay-ms", type=float, default=0, help="wait this long before each answer")
    parser.add_argument("--memory", action="store_true", help="hold the objects in memory")
    given = parser.parse_args()
    store = Store.from_folder(given.folder, in_memory=given.memory)
    try:
        asyncio.run(_serve(store, given.port, given.delay_ms))
    except KeyboardInterrupt:
        return


if __name__ == "__main__":
    main()
