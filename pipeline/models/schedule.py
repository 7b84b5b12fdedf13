"""Work that depends on other work, done side by side where it may be.

What enters: names, each with what it needs, and a function. What leaves: every name done once, or the first failure.
This module must never let the number of lanes decide what comes out: only when.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait


def run_side_by_side(
    needs: Mapping[str, Collection[str]],
    work: Callable[[str], None],
    *,
    lanes: int,
    alone: Collection[str] = (),
) -> None:
    """Do ``work`` for every name, in threads, none before what it needs.

    Args:
        needs: name -> names that come first. Its own order is one that satisfies them; where there is a choice, the
            earlier name begins.
        work: called once per name.
        lanes: how many run at once; one keeps the order exactly.
        alone: of these, one runs at a time.

    Raises:
        Exception: what ``work`` raised, of several failures the earliest name's; nothing was begun after it.
    """
    waiting, done = list(needs), set[str]()
    running: dict[Future[None], str] = {}
    failures: dict[str, BaseException] = {}
    with ThreadPoolExecutor(lanes, thread_name_prefix="lane") as pool:
        while waiting or running:
            for name in _startable(waiting, needs, done, lanes - len(running), set(alone), set(running.values())):
                waiting.remove(name)
                running[pool.submit(work, name)] = name
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                name = running.pop(future)
                if error := future.exception():
                    failures[name] = error
                    waiting.clear()
                done.add(name)
    for name in needs:
        if name in failures:
            raise failures[name]


def _startable(
    waiting: Iterable[str],
    needs: Mapping[str, Collection[str]],
    done: set[str],
    free: int,
    alone: set[str],
    running: set[str],
) -> list[str]:
    """At most ``free`` names whose turn it is."""
    chosen: list[str] = []
    for name in waiting:
        is_held = name in alone and not alone.isdisjoint(running | set(chosen))
        if len(chosen) < free and not is_held and done.issuperset(needs[name]):
            chosen.append(name)
    return chosen
