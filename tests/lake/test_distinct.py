"""Counting new events is exact, in one pass or in many, against keys kept by a run and event files of before."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.lake import LakeLocation, count_new_events, write_keys
from tests.lake.rows import DAY, event, events, write_event_files

Rows = Sequence[dict[str, Any]]

numbers = st.lists(st.integers(0, 30), max_size=25)


def count(added: Sequence[Rows], earlier: Sequence[Rows], pass_rows: int) -> int:
    """What is counted where a run wrote ``added`` into a date that has ``earlier``: a file each."""
    with tempfile.TemporaryDirectory() as folder:
        location = LakeLocation(folder)
        known = [
            item.path
            for index, rows in enumerate(earlier)
            for item in write_event_files(events(rows), location, file_stem=f"earlier-{index}")
        ]
        kept = [write_keys(events(rows), DAY, Path(folder)) for rows in added]
        assert [item.rows for item in kept] == [len(rows) for rows in added]
        total = sum(len(rows) for rows in (*added, *earlier))
        return count_new_events(location, [item.path for item in kept], known, rows=total, pass_rows=pass_rows)


@settings(max_examples=40, deadline=None)
@given(
    added=st.lists(numbers, min_size=1, max_size=3), earlier=st.lists(numbers, max_size=2), pass_rows=st.integers(1, 40)
)
def test_new_events_are_counted_as_sets_are(added: list[list[int]], earlier: list[list[int]], pass_rows: int) -> None:
    """Whatever the files and the size of a pass: the count is that of the set difference."""
    fresh = {number for ids in added for number in ids} - {number for ids in earlier for number in ids}
    new, known = ([[event(number) for number in ids] for ids in files] for files in (added, earlier))
    assert count(new, known, pass_rows) == len(fresh)


# Ids of a few characters, of a word and of more; words and tails repeat, so that hashes meet as well as keys.
parts = st.sampled_from(["", "a", "b", "aaaaaaa", "abababab", "01234567" * 4, "01234567" * 5, "é", "\0", "\0\0"])
keys = st.tuples(st.sampled_from(["1", "2", ""]), st.builds("".join, st.lists(parts, max_size=3)))


@settings(max_examples=60, deadline=None)
@given(added=st.lists(keys, min_size=1, max_size=20), earlier=st.lists(keys, max_size=20), pass_rows=st.integers(5, 50))
def test_keys_of_any_text_are_told_apart(
    added: list[tuple[str, str]], earlier: list[tuple[str, str]], pass_rows: int
) -> None:
    """Empty ids, ids shorter than a word, ids that begin and end alike: an id is the attacker's to choose."""
    new, known = (
        [{**event(0), "recipient_account_id": account, "event_id": text} for account, text in wanted]
        for wanted in (added, earlier)
    )
    assert count([new], [known], pass_rows) == len(set(added) - set(earlier))
