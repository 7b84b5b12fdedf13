"""Counting new events is exact, in one pass or in many."""

from __future__ import annotations

import tempfile

from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.lake import LakeLocation, count_new_events, write_event_files
from tests.lake.rows import event, events

numbers = st.lists(st.integers(0, 30), max_size=25)


@settings(max_examples=40, deadline=None)
@given(
    added=st.lists(numbers, min_size=1, max_size=3), earlier=st.lists(numbers, max_size=2), pass_rows=st.integers(1, 40)
)
def test_new_events_are_counted_as_sets_are(added: list[list[int]], earlier: list[list[int]], pass_rows: int) -> None:
    """Whatever the files and the size of a pass: the count is that of the set difference."""
    with tempfile.TemporaryDirectory() as folder:
        location = LakeLocation(folder)
        paths: dict[str, list[str]] = {"added": [], "earlier": []}
        for name, files in (("added", added), ("earlier", earlier)):
            for index, ids in enumerate(files):
                table = events([event(number) for number in ids])
                made = write_event_files(table, location, file_stem=f"{name}-{index}")
                paths[name] += [item.path for item in made]
        fresh = {number for ids in added for number in ids} - {number for ids in earlier for number in ids}
        if not paths["added"]:
            return
        rows = sum(len(ids) for ids in added + earlier)
        found = count_new_events(location, paths["added"], paths["earlier"], rows=rows, pass_rows=pass_rows)
        assert found == len(fresh)


# Ids of a few characters, of a word and of more; words and tails repeat, so that hashes meet as well as keys.
parts = st.sampled_from(["", "a", "b", "aaaaaaa", "abababab", "01234567" * 4, "01234567" * 5, "é", "\0", "\0\0"])
keys = st.tuples(st.sampled_from(["1", "2", ""]), st.builds("".join, st.lists(parts, max_size=3)))


@settings(max_examples=60, deadline=None)
@given(added=st.lists(keys, min_size=1, max_size=20), earlier=st.lists(keys, max_size=20), pass_rows=st.integers(5, 50))
def test_keys_of_any_text_are_told_apart(
    added: list[tuple[str, str]], earlier: list[tuple[str, str]], pass_rows: int
) -> None:
    """Empty ids, ids shorter than a word, ids that begin and end alike: an id is the attacker's to choose."""
    with tempfile.TemporaryDirectory() as folder:
        location = LakeLocation(folder)
        paths: dict[str, list[str]] = {"added": [], "earlier": []}
        for name, wanted in (("added", added), ("earlier", earlier)):
            rows = [{**event(0), "recipient_account_id": account, "event_id": text} for account, text in wanted]
            made = write_event_files(events(rows), location, file_stem=name)
            paths[name] = [item.path for item in made]
        count = len(added) + len(earlier)
        found = count_new_events(location, paths["added"], paths["earlier"], rows=count, pass_rows=pass_rows)
        assert found == len(set(added) - set(earlier))
