"""Listing a prefix: many pages at once, yielded in the order of keys.

What enters: a client, a bucket, a prefix, the days wanted. What leaves: (key, ETag, size, modified) of every object.
This module must never use a watermark, hold more than a bounded number of pages, or yield a listing with a hole in it:
a page that fails after its retries ends the listing.

A prefix is first listed as it is. Only where it holds more than one page is the rest of it split by ``/`` (account,
kind, region, year, month, day come of themselves), and the parts are listed in parallel: a small bucket costs one
request, a flat folder one request a page, a large trail as many requests as it has pages, and little more.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import date
from itertools import islice
from typing import Any

from pipeline.errors import Location, SourceError
from pipeline.source.keys import does_overlap, parse_period
from pipeline.source.pages import Entry, Page, page_of
from pipeline.source.s3_errors import FAILURES, explain_listing


@dataclass(frozen=True, slots=True)
class _Shard:
    """A prefix still to be listed: all of it, what comes after a key, or what a page's token continues."""

    prefix: str
    after: str = ""
    token: str = ""
    is_split: bool = False


_Part = list[Entry] | _Shard
_Outcome = list[_Part]
_READY_PAGES = 32


@dataclass(frozen=True, slots=True)
class Listing:
    """One listing of a bucket."""

    client: Any
    bucket: str
    prefix: str
    since: date | None
    until: date | None
    concurrency: int

    def entries(self) -> Iterator[Entry]:
        """Yield every object below the prefix, sorted by key.

        Raises:
            SourceError: a part could not be listed.
        """
        workers = max(1, self.concurrency)
        with ThreadPoolExecutor(workers, thread_name_prefix="list") as pool:
            line: deque[_Part | Future[_Outcome]] = deque([_Shard(self.prefix)])
            try:
                while line:
                    self._advance(line, pool, workers)
                    if not line:
                        break  # the last shards held nothing that is wanted
                    first = line.popleft()
                    if isinstance(first, Future):
                        line.extendleft(reversed(first.result()))
                    elif isinstance(first, list):
                        yield from first
                    else:
                        line.appendleft(first)  # all before it came to nothing: now it is the head, and put to work
            finally:
                for part in line:
                    if isinstance(part, Future):
                        part.cancel()

    def _advance(self, line: deque[_Part | Future[_Outcome]], pool: ThreadPoolExecutor, workers: int) -> None:
        """Unfold what is done and put the next shards to work, looking only as far as memory allows."""
        window = list(islice(line, _READY_PAGES))
        for _ in window:
            line.popleft()
        unfolded: list[_Part | Future[_Outcome]] = []
        for part in window:
            unfolded.extend(part.result() if isinstance(part, Future) and part.done() else [part])
        running = sum(isinstance(part, Future) for part in unfolded)
        for at, part in enumerate(unfolded[:_READY_PAGES]):
            if isinstance(part, _Shard) and (running < workers or at == 0):
                unfolded[at] = pool.submit(self._list_shard, part)
                running += 1
        line.extendleft(reversed(unfolded))

    def _list_shard(self, shard: _Shard) -> _Outcome:
        """One page of a shard, and what is left of it: its next page, or the prefixes below it."""
        by_folder = shard.is_split or (self._is_bounded and parse_period(shard.prefix) is None)
        page = self._request(shard, by_folder)
        entries, token = page.entries, page.token
        if by_folder:
            folders = [folder for folder in page.folders if self._is_wanted(folder)]
            parts = _interleave(entries, folders, shard.after)
            return [*parts, replace(shard, token=token, is_split=True)] if token else parts
        if not token:
            return [entries]
        start = len(shard.prefix)
        if shard.token or all(entry.key.find("/", start) < 0 for entry in entries):
            return [entries, replace(shard, token=token)]  # a flat folder: page after page
        return [entries, _Shard(shard.prefix, after=entries[-1].key, is_split=True)]

    @property
    def _is_bounded(self) -> bool:
        return self.since is not None or self.until is not None

    def _is_wanted(self, folder: str) -> bool:
        period = parse_period(folder)
        return period is None or does_overlap(period, self.since, self.until)

    def _request(self, shard: _Shard, by_folder: bool) -> Page:
        uri = f"s3://{self.bucket}/{shard.prefix}"
        arguments = {"Bucket": self.bucket, "Prefix": shard.prefix}
        if by_folder:
            # No StartAfter here: stores differ in whether a folder that holds such a key is then still named.
            arguments["Delimiter"] = "/"
        elif shard.after and not shard.token:
            arguments["StartAfter"] = shard.after
        if shard.token:
            arguments["ContinuationToken"] = shard.token
        try:
            page = page_of(self.client.list_objects_v2(**arguments))
        except FAILURES as error:
            raise explain_listing(error, uri) from error
        if page is None:
            raise SourceError("the answer is no listing that S3 would give", location=Location(uri))
        return page


def _interleave(entries: list[Entry], folders: list[str], after: str) -> _Outcome:
    """Objects and folders of one page that come after a key, in the order of keys, neighbouring objects together."""
    parts: _Outcome = []
    left = deque(entry for entry in entries if entry.key > after)
    for folder in folders:
        before: list[Entry] = []
        while left and left[0].key < folder:
            before.append(left.popleft())
        if before:
            parts.append(before)
        if after.startswith(folder):
            parts.append(_Shard(folder, after=after))
        elif folder > after:
            parts.append(_Shard(folder))
    return [*parts, list(left)] if left else parts
