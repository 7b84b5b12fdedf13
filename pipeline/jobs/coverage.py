"""What a report rests on: which accounts, regions and hours the lake has archives of, and what digests say of them.

What enters: the ledger's latest rows, the hours that digests told. What leaves: run.json's ``coverage`` and the rows of
the coverage map. This job must never call an hour missing that nothing vouched for: without digests it is unknown.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.archive import SOUND, Verdict
from pipeline.finding import format_time
from pipeline.jobs.coverage_hours import Hour, HourKey, judge_hours
from pipeline.report import build_coverage

LOOKED_AT = ("committed", "empty", "quarantined")
"""Outcomes of archives that were opened; a skipped object is another kind of log."""

LEDGER_COLUMNS = (
    "archive_uri", "kind", "outcome", "detail", "account_id", "region", "delivered_at", "record_kept_count",
    "first_event_time", "last_event_time", "verification", "digest_uri",
)  # fmt: skip
"""All that this job asks of the ledger: half of a row is hashes and places, which take time to read."""

COVERAGE = pa.schema(
    [
        pa.field("account_id", pa.string()),
        pa.field("region", pa.string()),
        pa.field("hour_at", pa.timestamp("us", tz="UTC")),
        pa.field("archive_count", pa.int64()),
        pa.field("event_count", pa.int64()),
        pa.field("state", pa.string()),
    ]
)
_KEYS = ["account_id", "region", "hour_at"]


def looked_at(ledger: pa.Table) -> pa.Table:
    """Return the ledger rows of archives that were opened."""
    return ledger.filter(pc.is_in(ledger.column("outcome"), value_set=pa.array(LOOKED_AT)))


def select_period(ledger: pa.Table, since: date | None, until: date | None) -> pa.Table:
    """Return the ledger rows of archives that hold events of ``[since, until)``; rows without events stay."""
    for bound, column, keep in ((since, "last_event_time", pc.greater_equal), (until, "first_event_time", pc.less)):
        if bound is not None:
            inside = keep(ledger.column(column), _midnight(bound))
            ledger = ledger.filter(pc.fill_null(inside, True))
    return ledger


def select_hours(hours: pa.Table, since: date | None, until: date | None) -> pa.Table:
    """Return the digests' hours that touch ``[since, until)``."""
    for bound, column, keep in ((since, "end_at", pc.greater), (until, "start_at", pc.less)):
        if bound is not None:
            hours = hours.filter(pc.fill_null(keep(hours.column(column), _midnight(bound)), True))
    return hours


def summarise_coverage(
    ledger: pa.Table,
    *,
    event_regions: Iterable[tuple[str | None, str | None]] | None,
    hours: pa.Table | None = None,
) -> dict[str, Any]:
    """Build run.json's coverage from the ledger and the digests.

    Args:
        ledger: latest ledger rows of the period.
        event_regions: accounts and regions as events name them; asked for only where keys do not say.
        hours: ``digest_hours`` of the period; ``None`` where no digest was ever checked.

    Returns:
        The coverage dictionary of the report room.
    """
    judged = judge_hours(hours) if hours is not None and hours.num_rows else {}
    rows = _list_accounts(ledger)
    known = {(row["account_id"], row["region"]) for row in rows}
    for account, region in sorted({key[:2] for key in judged} - known, key=_by_name):
        rows.append({"account_id": account, "region": region, "archives": 0, "events": 0})
    for row in rows:
        row.update(_count_hours(judged, row["account_id"], row["region"]))
    rows.sort(key=lambda row: _by_name((row["account_id"], row["region"])))
    regions = {row["region"] for row in rows}
    if event_regions is not None:
        regions |= {region for _, region in event_regions}
    is_checked = hours is not None and hours.num_rows > 0
    return build_coverage(
        rows,
        verification=count_verdicts(ledger, hours) if is_checked and hours is not None else None,
        regions=sorted(regions, key=lambda item: item or ""),
        problems=list_problems(ledger, hours) if is_checked and hours is not None else (),
    )


def count_verdicts(ledger: pa.Table, hours: pa.Table) -> dict[str, int]:
    """Verdict -> archives and digests; archives by the ledger, digests and what is missing by the digests' hours."""
    archives = ledger.filter(pc.equal(ledger.column("kind"), "archive")).column("verification").to_pylist()
    counted = Counter(verdict for verdict in archives if verdict)
    counted.update(hours.column("verdict").to_pylist())
    counted[str(Verdict.MISSING)] += sum(len(uris or ()) for uris in hours.column("missing_archives").to_pylist())
    return {str(verdict): counted[verdict] for verdict in Verdict if counted[verdict]}


def list_problems(ledger: pa.Table, hours: pa.Table) -> list[dict[str, Any]]:
    """Objects that are neither verified nor pending: ``uri``, ``kind``, ``verdict``, ``detail``, by URI."""
    found = []
    names = ["archive_uri", "verification", "digest_uri", "detail"]
    archives = ledger.filter(pc.equal(ledger.column("kind"), "archive")).select(names)
    doubtful = pc.invert(pc.is_in(archives.column("verification"), value_set=pa.array([*map(str, SOUND), None])))
    for row in archives.filter(doubtful).to_pylist():
        detail = row["detail"] or (f"its digest: {row['digest_uri']}" if row["digest_uri"] else "")
        found.append(_problem(row["archive_uri"], "archive", row["verification"], detail))
    for row in hours.select(["digest_uri", "verdict", "detail", "missing_archives"]).to_pylist():
        if row["verdict"] not in SOUND:
            found.append(_problem(row["digest_uri"], "digest", row["verdict"], row["detail"] or ""))
        for uri in row["missing_archives"] or ():
            found.append(_problem(uri, "archive", str(Verdict.MISSING), f"a digest names it: {row['digest_uri']}"))
    return sorted(found, key=lambda item: (item["uri"], item["kind"]))


def map_coverage(ledger: pa.Table, hours: pa.Table | None = None) -> pa.Table:
    """Return one row per account, region and hour, schema COVERAGE.

    Args:
        ledger: latest ledger rows of the period.
        hours: ``digest_hours`` of the period.

    Returns:
        Hours in which archives were delivered, and hours that digests tell of.
    """
    judged = judge_hours(hours) if hours is not None and hours.num_rows else {}
    counted = _count_archives(ledger)
    if not judged:
        order = [(name, "ascending", "at_start") for name in _KEYS]
        return counted.append_column("state", pa.repeat("seen", counted.num_rows)).sort_by(order)
    seen = _read_counts(counted)
    rows = []
    for key in sorted(seen.keys() | judged.keys(), key=lambda item: (item[0] or "", item[1] or "", item[2])):
        archives, events = seen.get(key, (0, 0))
        hour = judged.get(key)
        state = hour.state(archives) if hour is not None else "seen"
        rows.append((*key, archives, events, state))
    return pa.table(
        [pa.array(values, item.type) for values, item in zip(zip(*rows, strict=True), COVERAGE, strict=True)],
        schema=COVERAGE,
    )


def _list_accounts(ledger: pa.Table) -> list[dict[str, Any]]:
    looked = looked_at(ledger)
    grouped = looked.group_by(["account_id", "region"], use_threads=False).aggregate(
        [
            ("archive_uri", "count"),
            ("record_kept_count", "sum"),
            ("first_event_time", "min"),
            ("last_event_time", "max"),
        ]
    )
    return [
        {
            "account_id": row["account_id"],
            "region": row["region"],
            "first_event_time": _time(row["first_event_time_min"]),
            "last_event_time": _time(row["last_event_time_max"]),
            "archives": row["archive_uri_count"],
            "events": row["record_kept_count_sum"],
        }
        for row in grouped.to_pylist()
    ]


def _count_archives(ledger: pa.Table) -> pa.Table:
    """Archives and events by account, region and hour of delivery: COVERAGE without the state."""
    looked = looked_at(ledger)
    table = pa.table(
        {
            "account_id": looked.column("account_id"),
            "region": looked.column("region"),
            "hour_at": pc.floor_temporal(looked.column("delivered_at"), unit="hour"),
            "event_count": looked.column("record_kept_count"),
        }
    )
    grouped = table.group_by(_KEYS, use_threads=False).aggregate([("event_count", "count"), ("event_count", "sum")])
    fields = [item for item in COVERAGE if item.name != "state"]
    columns = grouped.select([*_KEYS, "event_count_count", "event_count_sum"]).columns
    return pa.table([column.cast(item.type) for column, item in zip(columns, fields, strict=True)], pa.schema(fields))


def _read_counts(counted: pa.Table) -> dict[HourKey, tuple[int, int]]:
    """Archives and events by key; hours repeat, and each costs microseconds to become a Python object."""
    hours = counted.column("hour_at").combine_chunks().dictionary_encode()
    hour_of: list[Any] = [*hours.dictionary.to_pylist(), None]
    names = ["account_id", "region", "archive_count", "event_count"]
    columns = [hours.indices.fill_null(-1).to_pylist(), *(counted.column(name).to_pylist() for name in names)]
    return {
        (account, region, hour_of[hour]): (count, events)
        for hour, account, region, count, events in zip(*columns, strict=True)
    }


def _count_hours(judged: Mapping[HourKey, Hour], account: str | None, region: str | None) -> dict[str, int | None]:
    """Hours of one account and region; unknown, not zero, where no digest speaks of them."""
    own = [hour for key, hour in judged.items() if key[:2] == (account, region)]
    if not own:
        return {"hours_expected": None, "hours_seen": None, "missing": None, "late": None}
    missing = sum(hour.is_missing for hour in own)
    unknown = sum(hour.is_unknown for hour in own)
    return {
        "hours_expected": len(own),
        "hours_seen": len(own) - missing - unknown,
        "missing": missing,
        "late": sum(hour.is_late for hour in own),
    }


def _problem(uri: str, kind: str, verdict: str, detail: str) -> dict[str, Any]:
    return {"uri": uri, "kind": kind, "verdict": verdict, "detail": detail}


def _by_name(key: Sequence[str | None]) -> tuple[str, ...]:
    return tuple(item or "" for item in key)


def _midnight(day: date) -> pa.Scalar:
    moment = datetime(day.year, day.month, day.day)  # noqa: DTZ001 - cast on the next line
    return pa.scalar(moment, pa.timestamp("us")).cast(pa.timestamp("us", tz="UTC"))


def _time(value: datetime | None) -> str | None:
    return None if value is None else format_time(value)
