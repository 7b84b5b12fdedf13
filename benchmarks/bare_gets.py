"""Bare concurrent GETs of the objects that ingest reads: ``python -m benchmarks.bare_gets CLIENT ENDPOINT FOLDER``.

What enters: an endpoint that serves a folder's files. What leaves: one line of JSON: GETs, bytes, seconds. The bodies
are read whole and thrown away: no listing, no hash, no parsing. CLIENT is ``boto3`` (threads) or ``aiohttp`` (one event
loop a process); as many processes as ingest has workers.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import time
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context
from pathlib import Path

from benchmarks.peers import PROCESSES

BUCKET = "bench"
THREADS = 8
"""Threads of one boto3 process: more only queue for the interpreter's lock."""
CONNECTIONS = 32
"""Requests under way in one aiohttp process, as many as ingest's own default."""


def get_with_boto3(endpoint: str, keys: list[str]) -> int:
    """Fetch with one boto3 client and threads; return the bytes."""
    import boto3
    from botocore.config import Config

    client = boto3.client(
        "s3",
        endpoint_url=endpoint,
        region_name="us-east-1",
        config=Config(max_pool_connections=THREADS, s3={"addressing_style": "path"}),
    )

    def get(key: str) -> int:
        return len(client.get_object(Bucket=BUCKET, Key=key)["Body"].read())

    with ThreadPoolExecutor(THREADS) as pool:
        return sum(pool.map(get, keys))


def get_with_aiohttp(endpoint: str, keys: list[str]) -> int:
    """Fetch with one event loop, unsigned; return the bytes."""
    import aiohttp

    async def fetch_all() -> int:
        waiting, total = iter(keys), 0
        connector = aiohttp.TCPConnector(limit=CONNECTIONS)
        async with aiohttp.ClientSession(connector=connector) as session:

            async def work() -> int:
                size = 0
                for key in waiting:
                    async with session.get(f"{endpoint}/{BUCKET}/{key}") as answer:
                        answer.raise_for_status()
                        size += len(await answer.read())
                return size

            total = sum(await asyncio.gather(*(work() for _ in range(CONNECTIONS))))
        return total

    return asyncio.run(fetch_all())


CLIENTS = {"boto3": get_with_boto3, "aiohttp": get_with_aiohttp}


def main() -> None:
    """Fetch all and say how fast."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.bare_gets")
    parser.add_argument("client", choices=CLIENTS)
    parser.add_argument("endpoint")
    parser.add_argument("folder", type=Path)
    given = parser.parse_args()
    keys = [path.relative_to(given.folder).as_posix() for path in sorted(given.folder.rglob("*.json.gz"))]
    with ProcessPoolExecutor(PROCESSES, mp_context=get_context("forkserver")) as pool:
        started = time.perf_counter()
        parts = [
            pool.submit(CLIENTS[given.client], given.endpoint, keys[number::PROCESSES]) for number in range(PROCESSES)
        ]
        size = sum(part.result() for part in parts)
        seconds = time.perf_counter() - started
    print(json.dumps({"gets": len(keys), "bytes": size, "seconds": seconds}))


if __name__ == "__main__":
    main()
