"""The comment block at the head of a SQL model, parsed and checked.

What enters: the text of one ``.sql`` file. What leaves: a ``Header``. This module must never run SQL: what the
header says about the query is compared with the query in ``references`` and ``audit``.

Source: HOUSE.md, "A SQL model".
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from pipeline.errors import Location, ModelError

Storage = Literal["no", "full", "by event_date"]

KEYS = ("model", "purpose", "grain", "order", "inputs", "params", "stored", "columns", "source")
REQUIRED = ("model", "purpose", "grain", "order", "inputs")

_ENTRY = re.compile(r"--\s?([a-z]+):(?:\s+(.*))?$")
_CONTINUED = re.compile(r"--\s{2,}(\S.*)$")
_NAME = re.compile(r"[a-z][a-z0-9_]*$")
_GRAIN = re.compile(r"one row per (?:\(([^)]*)\)|([a-z][a-z0-9_]*))(?:\s.*)?$")
_COLUMN = re.compile(r"([a-z][a-z0-9_]*)(?:\s{2,}(.+))?$")
_STORED = re.compile(r"(no|full|by event_date)(?:, lookback (all|\d+) ?(?:days?)?)?$")
ALL_DAYS = -1
"""``lookback all``: a date's rows depend on every earlier date."""


@dataclass(frozen=True, slots=True)
class Header:
    """What a model says about itself.

    Attributes:
        name: equals the file's name.
        purpose: one sentence.
        grain: columns that are unique and not null together.
        order: the columns rows are stored in, ``grain`` appended by the runner as the tie-break.
        inputs: relations that the query reads.
        params: names of the ``$`` parameters, without the sign.
        stored: ``no`` (a view), ``full`` (rewritten each build) or ``by event_date`` (changed dates are replaced).
        lookback_days: how many earlier dates a date's rows depend on; ``ALL_DAYS`` for all of them.
        columns: documented columns; AWS's own names and those of inputs need no entry.
        source: where the knowledge comes from.
    """

    name: str
    purpose: str
    grain: tuple[str, ...]
    order: tuple[str, ...]
    inputs: tuple[str, ...]
    params: tuple[str, ...] = ()
    stored: Storage = "no"
    lookback_days: int = 0
    columns: Mapping[str, str] = field(default_factory=dict)
    source: str = ""


def parse_header(text: str, *, uri: str) -> Header:
    """Parse the header of one model.

    Args:
        text: the whole file.
        uri: the file, for messages.

    Returns:
        The header; nothing in it was compared with the query yet.

    Raises:
        ModelError: a key is unknown, missing, repeated, empty or malformed; names the file and the line.
    """
    entries = _read_entries(text, uri)
    for key in REQUIRED:
        if key not in entries:
            raise _error(uri, 1, f"the header has no '-- {key}:' line")
    for key, (line, parts) in entries.items():
        if not any(parts):
            raise _error(uri, line, f"'-- {key}:' is empty")
    stored, lookback = _parse_stored(entries, uri)
    header = Header(
        name=_text(entries, "model"),
        purpose=_text(entries, "purpose"),
        grain=_parse_grain(entries, uri),
        order=_parse_names(entries, "order", uri),
        inputs=_parse_names(entries, "inputs", uri),
        params=tuple(dict.fromkeys(re.findall(r"\$([a-z][a-z0-9_]*)", _text(entries, "params")))),
        stored=stored,
        lookback_days=lookback,
        columns=_parse_columns(entries, uri),
        source=_text(entries, "source"),
    )
    if header.params and header.stored == "no":
        raise _error(uri, entries["params"][0], "a view cannot keep parameters: store the model (full, by event_date)")
    return header


Entries = dict[str, tuple[int, list[str]]]


def _read_entries(text: str, uri: str) -> Entries:
    entries: Entries = {}
    current = ""
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.startswith("--"):
            break
        entry = _ENTRY.match(line)
        if entry and entry[1] in KEYS:
            current = entry[1]
            if current in entries:
                raise _error(uri, number, f"'-- {current}:' appears twice")
            entries[current] = (number, [(entry[2] or "").strip()])
            continue
        continued = _CONTINUED.match(line)
        if continued and current:
            entries[current][1].append(continued[1].rstrip())
        elif entry:
            raise _error(uri, number, f"unknown header key '{entry[1]}' (known: {', '.join(KEYS)})")
        elif line.strip("- "):
            raise _error(uri, number, "a header line is '-- key: value', or is indented to continue the one above")
    return entries


def _error(uri: str, line: int, message: str) -> ModelError:
    return ModelError(f"{message} (line {line})", location=Location(uri))


def _text(entries: Entries, key: str) -> str:
    return " ".join(part for part in entries[key][1] if part) if key in entries else ""


def _parse_names(entries: Entries, key: str, uri: str) -> tuple[str, ...]:
    line, _ = entries[key]
    names = tuple(name.strip() for name in _text(entries, key).split(",") if name.strip())
    if names == ("none",):
        return ()
    for name in names:
        if not _NAME.match(name):
            raise _error(uri, line, f"'-- {key}:' is a comma list of names; {name!r} is none")
    if len(set(names)) < len(names):
        raise _error(uri, line, f"'-- {key}:' names something twice")
    return names


def _parse_grain(entries: Entries, uri: str) -> tuple[str, ...]:
    line, _ = entries["grain"]
    match = _GRAIN.match(_text(entries, "grain"))
    if not match:
        raise _error(uri, line, "'-- grain:' reads 'one row per (column, column)'")
    names = tuple(name.strip() for name in (match[1] or match[2]).split(","))
    if not all(_NAME.match(name) for name in names):
        raise _error(uri, line, f"'-- grain:' holds no column list: {match[0]!r}")
    return names


def _parse_stored(entries: Entries, uri: str) -> tuple[Storage, int]:
    if "stored" not in entries:
        return "no", 0
    line, _ = entries["stored"]
    match = _STORED.match(_text(entries, "stored"))
    if not match or (match[2] and match[1] != "by event_date"):
        raise _error(uri, line, "'-- stored:' is 'no', 'full' or 'by event_date[, lookback N days | , lookback all]'")
    storage: Storage = "no" if match[1] == "no" else "full" if match[1] == "full" else "by event_date"
    return storage, 0 if match[2] is None else ALL_DAYS if match[2] == "all" else int(match[2])


def _parse_columns(entries: Entries, uri: str) -> dict[str, str]:
    if "columns" not in entries:
        return {}
    line, parts = entries["columns"]
    columns: dict[str, str] = {}
    last = ""
    for offset, part in enumerate(parts):
        match = _COLUMN.match(part)
        if match and match[2]:
            last = match[1]
            if last in columns:
                raise _error(uri, line + offset, f"column {last} is described twice")
            columns[last] = match[2].strip()
        elif last:
            columns[last] += f" {part}"
        else:
            raise _error(uri, line + offset, "'-- columns:' reads 'name  what it says' (two spaces between)")
    return columns
