"""The fast lane: many plain GETs at once from one thread, and boto3 for whatever is not plain.

What enters: listed objects. What leaves: their bytes in order, or an error that names the object. This module must
never hold more bytes than its bound (one larger object excepted), and never decide what a failure means: each object
that the lane cannot bring is fetched by boto3, whose answer counts.

Why: boto3 spends most of a millisecond of Python on a GET, and threads share one interpreter lock. One event loop and
a request of ten lines spend a tenth of it, which leaves the processor to the archives.
"""

from __future__ import annotations

import asyncio
import atexit
import os
import queue
import random
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from functools import lru_cache

from pipeline.errors import SourceError
from pipeline.settings import S3Settings
from pipeline.source.addressing import Address, find_address
from pipeline.source.fetching import fetch_one_described
from pipeline.source.objects import DescribedObject, ListedObject
from pipeline.source.s3_clients import make_client
from pipeline.source.signing import quote_key, sign_get
from pipeline.source.wire import Connection, NotPlainError, read_metadata

BYTES_IN_FLIGHT = 64 * 1024 * 1024
"""How many bytes may be under way or waiting to be taken."""

_OBJECT_OVERHEAD = 4096
_WATCH_SECONDS = 0.5
_GIVE_UP_AFTER = 64

Answer = tuple[bytes, bytes]
"""Header lines and body; metadata is read from the lines only where someone asks for it."""
Outcome = Answer | DescribedObject | SourceError


class Lane:
    """Connections to one bucket, and the thread that serves them.

    Args:
        settings: how to reach S3.
        bucket: whose objects.
        region: the bucket's, "" where the client's own is right.
    """

    def __init__(self, settings: S3Settings, bucket: str, region: str) -> None:
        self._settings = settings
        self._client = make_client("s3", settings, region=region)
        self._address: Address | None = find_address(self._client, settings, bucket)
        self._loop = asyncio.new_event_loop()
        self._idle: list[Connection] = []
        self._busy: set[Connection] = set()
        self._failures = 0
        self._boto3 = ThreadPoolExecutor(max(1, settings.concurrency), thread_name_prefix="boto3")
        self._thread = threading.Thread(target=self._run, name="fetch-lane", daemon=True)
        self._thread.start()
        atexit.register(self.close)

    def fetch(self, listed: Sequence[ListedObject]) -> Iterator[tuple[ListedObject, bytes | SourceError]]:
        """Fetch many at once and yield their bytes in the given order."""
        for one, outcome in self._fetch(listed):
            if isinstance(outcome, tuple):
                yield one, outcome[1]
            else:
                yield one, outcome.data if isinstance(outcome, DescribedObject) else outcome

    def fetch_described(
        self, listed: Sequence[ListedObject]
    ) -> Iterator[tuple[ListedObject, DescribedObject | SourceError]]:
        """The same with each object's user metadata."""
        for one, outcome in self._fetch(listed):
            if isinstance(outcome, tuple):
                yield one, DescribedObject(outcome[1], read_metadata(outcome[0]))
            else:
                yield one, outcome

    def _fetch(self, listed: Sequence[ListedObject]) -> Iterator[tuple[ListedObject, Outcome]]:
        order = _Order(listed, self._loop)
        pumping = asyncio.run_coroutine_threadsafe(self._pump(order), self._loop)
        pumping.add_done_callback(lambda _: order.ready.put(None))
        try:
            for one in listed:
                outcome = order.ready.get()
                if outcome is None:
                    pumping.result()  # raises what stopped the pump
                    raise AssertionError("the pump ended before its last object")
                order.release(one)
                yield one, outcome
        finally:
            pumping.cancel()

    def close(self) -> None:
        """Close the connections and end the thread."""
        if self._loop.is_closed():
            return
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._boto3.shutdown(wait=False, cancel_futures=True)

    def _run(self) -> None:
        self._loop.call_later(_WATCH_SECONDS, self._watch)
        self._loop.run_forever()
        for connection in (*self._idle, *self._busy):
            connection.abort("closing")
        for task in asyncio.all_tasks(self._loop):
            task.cancel()
        self._loop.run_until_complete(asyncio.sleep(0))
        self._loop.close()

    def _watch(self) -> None:
        """Abort exchanges without a byte for as long as a read may take."""
        oldest = self._loop.time() - self._settings.read_timeout_seconds
        for connection in [one for one in self._busy if one.active_at < oldest]:
            connection.abort("stalled")
        self._idle = [one for one in self._idle if one.is_idle]
        self._loop.call_later(_WATCH_SECONDS, self._watch)

    async def _pump(self, order: _Order) -> None:
        """Keep ``concurrency`` requests under way until all objects are in."""
        workers = min(max(1, self._settings.concurrency), len(order.listed))
        async with asyncio.TaskGroup() as group:
            for _ in range(workers):
                group.create_task(self._work(order))

    async def _work(self, order: _Order) -> None:
        while (at := await order.admit()) is not None:
            order.put(at, await self._bring(order.listed[at]))

    async def _bring(self, one: ListedObject) -> Outcome:
        if self._address is not None and self._failures < _GIVE_UP_AFTER:
            try:
                answer = await self._get(self._address, one)
            except (NotPlainError, OSError, TimeoutError):
                self._failures += 1  # in a row: an endpoint that never gives a plain answer is left to boto3
                await asyncio.sleep(random.uniform(0, 0.05))  # noqa: S311 - jitter, no secret
            else:
                self._failures = 0
                return answer
        try:
            return await self._loop.run_in_executor(self._boto3, fetch_one_described, self._client, one)
        except SourceError as error:
            return error

    async def _get(self, address: Address, one: ListedObject) -> Answer:
        connection = await self._connect(address)
        path = address.base_path + quote_key(one.object_key)
        held = address.credentials.get_frozen_credentials()
        signed = sign_get(
            address.host,
            path,
            datetime.now(UTC),
            region=address.region,
            access_key=held.access_key,
            secret_key=held.secret_key,
            token=held.token,
        )
        head = f'GET {path} HTTP/1.1\r\nHost: {address.host}\r\nIf-Match: "{one.version}"\r\n{signed}\r\n'
        self._busy.add(connection)
        try:
            body = await connection.get(head.encode(), one.size, one.version)
            return connection.head, body
        finally:
            self._busy.discard(connection)
            if connection.is_idle:
                self._idle.append(connection)
            else:
                connection.abort("cancelled or closed")

    async def _connect(self, address: Address) -> Connection:
        while self._idle:
            connection = self._idle.pop()
            if connection.is_idle:
                return connection
        connecting = self._loop.create_connection(
            lambda: Connection(self._loop),
            address.hostname,
            address.port,
            ssl=address.tls,
            server_hostname=address.hostname if address.tls is not None else None,
        )
        _, connection = await asyncio.wait_for(connecting, self._settings.connect_timeout_seconds)
        return connection


class _Order:
    """One call of ``fetch``: who is next, what is in, how many bytes are held."""

    def __init__(self, listed: Sequence[ListedObject], loop: asyncio.AbstractEventLoop) -> None:
        self.listed = listed
        self.ready: queue.SimpleQueue[Outcome | None] = queue.SimpleQueue()
        self._loop = loop
        self._next = 0
        self._put_next = 0
        self._in: dict[int, Outcome] = {}
        self._held = 0
        self._room = asyncio.Event()
        self._lock = threading.Lock()

    async def admit(self) -> int | None:
        """The next object's index, as soon as there is room for its bytes; ``None`` when all are taken."""
        while self._next < len(self.listed):
            cost = self.listed[self._next].size + _OBJECT_OVERHEAD
            with self._lock:
                if self._held == 0 or self._held + cost <= BYTES_IN_FLIGHT:
                    self._held += cost
                    self._next += 1
                    return self._next - 1
                self._room.clear()
            await self._room.wait()
        return None

    def put(self, at: int, outcome: Outcome) -> None:
        """Hand on whatever is now next in order."""
        self._in[at] = outcome
        while self._put_next in self._in:
            self.ready.put(self._in.pop(self._put_next))
            self._put_next += 1

    def release(self, one: ListedObject) -> None:
        """Called by the consumer's thread when it takes an object."""
        with self._lock:
            self._held -= one.size + _OBJECT_OVERHEAD
            is_waited_for = not self._room.is_set()
        if is_waited_for and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._room.set)


def open_lane(settings: S3Settings, bucket: str, region: str) -> Lane:
    """This process's lane to a bucket; the same call gets the same lane, so that connections are kept."""
    return _lane(settings, bucket, region, os.getpid())


@lru_cache(maxsize=16)
def _lane(settings: S3Settings, bucket: str, region: str, _process: int) -> Lane:
    return Lane(settings, bucket, region)
