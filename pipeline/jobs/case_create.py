"""``case create``: everything that a finding rests on, in one file that can be checked again without a network.

What enters: finding ids, a built lake, the sources that its archives came from. What leaves: a case file. This job must
never put bytes into a case that differ from those that were ingested.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from pipeline import __version__
from pipeline.archive import inflate_archive, parse_digest
from pipeline.errors import PipelineError, SourceError, UsageError
from pipeline.finding import Finding, format_time
from pipeline.jobs.case_format import pack_case, render_json
from pipeline.jobs.case_ledger import describe_ledger
from pipeline.jobs.explain import read_findings
from pipeline.jobs.lake_access import open_job_lake
from pipeline.jobs.query import run_query
from pipeline.jobs.raw_records import listed_from_row
from pipeline.jobs.verify_digests import describe_need
from pipeline.jobs.verify_keys import KeyNeed, describe_keys, fetch_key_list, read_key_list
from pipeline.models import quote_text
from pipeline.report import render_findings
from pipeline.settings import Settings
from pipeline.source import DescribedObject, open_source

_EVIDENCE = (
    "select distinct e.event_id, e.recipient_account_id, e.event_time, e.event_name, e.archive_uri, e.archive_version,"
    " e.record_index, e.record_sha256 from fct_finding_evidence f join events e"
    " on f.recipient_account_id = e.recipient_account_id and f.event_id = e.event_id"
    " and f.archive_uri = e.archive_uri and f.record_index = e.record_index"
    " where f.finding_id in ({ids}) order by e.event_time, e.recipient_account_id, e.event_id"
)


@dataclass(frozen=True, slots=True)
class CaseReport:
    """What a case holds.

    Attributes:
        file: where it was written.
        sha256: of the file.
        findings: their ids.
        counts: archives, digests, events, keys.
        notes: what the case lacks, as sentences.
    """

    file: Path
    sha256: str
    findings: tuple[str, ...]
    counts: Mapping[str, int]
    notes: tuple[str, ...]


def create_case(
    lake_path: str,
    finding_ids: Sequence[str],
    out: Path,
    settings: Settings,
    *,
    keys_file: Path | None = None,
    report_folder: Path | None = None,
) -> CaseReport:
    """Write a case file.

    Args:
        lake_path: a lake that is built.
        finding_ids: what the case is about.
        out: the file; it must not exist.
        settings: how to reach the sources and CloudTrail.
        keys_file: saved answers of ListPublicKeys; without, CloudTrail is asked where digests vouch for archives.
        report_folder: where report.html lies.

    Returns:
        What the case holds.

    Raises:
        UsageError: no such finding, or the file exists or cannot be written.
        SourceError: an archive cannot be had as it was ingested.
    """
    if out.exists():
        raise UsageError(f"{out} exists; a case is never overwritten", hint="name another file with --out")
    findings = _pick_findings(lake_path, finding_ids, settings)
    case = _Case(settings)
    events = run_query(lake_path, _EVIDENCE.format(ids=_quote(item.finding_id for item in findings)), settings)
    case.add_archives(lake_path, events.to_pylist())
    case.add_keys(keys_file)
    case.add_report(report_folder)
    case.members["findings.json"] = render_findings(findings)
    facts: dict[str, Any] = {
        "version": __version__,
        "findings": [item.finding_id for item in findings],
        "archives": case.archives,
        "digests": case.digests,
        "events": case.events,
        "notes": case.notes,
    }
    data = pack_case(case.members, facts)
    _write(out, data)
    counts = {name: len(facts[name]) for name in ("archives", "digests", "events")}
    return CaseReport(
        out,
        hashlib.sha256(data).hexdigest(),
        tuple(item.finding_id for item in findings),
        counts | {"keys": case.key_count},
        tuple(case.notes),
    )


class _Case:
    """Gathers members and what the manifest says of them."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.members: dict[str, bytes] = {}
        self.archives: list[dict[str, Any]] = []
        self.digests: list[dict[str, Any]] = []
        self.events: list[dict[str, Any]] = []
        self.notes: list[str] = []
        self.needs: list[KeyNeed] = []
        self.key_count = 0

    def add_archives(self, lake_path: str, events: Sequence[Mapping[str, Any]]) -> None:
        """Add the cited events, their archives as stored, the digests that vouch for these, and the ledger's rows."""
        wanted = {(row["archive_uri"], row["archive_version"]) for row in events}
        rows = self._ledger(lake_path, {uri for uri, _ in wanted})
        cited = [row for row in rows if (row["archive_uri"], row["archive_version"]) in wanted]
        names = {}
        for row in cited:
            names[row["archive_uri"], row["archive_version"]] = self._add_archive(row)
        digest_rows = self._ledger(lake_path, {row["digest_uri"] for row in cited if row["digest_uri"]})
        for row in digest_rows:
            self._add_digest(row)
        self._add_ledger(lake_path, [*cited, *digest_rows])
        for event in events:
            member = names[event["archive_uri"], event["archive_version"]]
            self.events.append(_plain(event) | {"member": member})

    def add_keys(self, keys_file: Path | None) -> None:
        """Add the public keys that the digests name."""
        if not self.needs:
            self.notes.append("no digest vouches for its archives")
            return
        named = {need.fingerprint for need in self.needs}
        try:
            keys = read_key_list(keys_file) if keys_file is not None else fetch_key_list(self.needs, self.settings.s3)
        except SourceError as error:
            self.notes.append(f"it holds no public keys: {error.message}")
            return
        keys = [key for key in keys if key.fingerprint in named]
        self.key_count = len(keys)
        self.members["keys.json"] = render_json(describe_keys(keys))

    def add_report(self, folder: Path | None) -> None:
        """Add the report as it was written."""
        file = None if folder is None else folder / "report.html"
        if file is None or not file.is_file():
            self.notes.append("it holds no report.html: none was found")
            return
        self.members["report.html"] = file.read_bytes()

    def _add_ledger(self, lake_path: str, rows: Iterable[Mapping[str, Any]]) -> None:
        history = open_job_lake(lake_path, self.settings).ledger_history()
        found = describe_ledger(history, {(row["archive_uri"], row["archive_version"]) for row in rows})
        if not found["head"]["is_intact"]:
            self.notes.append(
                "the lake's ledger was tampered with: its hash chain does not hold; see policytrail status"
            )
        self.members["ledger.json"] = render_json(found)

    def _ledger(self, lake_path: str, uris: Iterable[str]) -> list[dict[str, Any]]:
        text = _quote(sorted(uris))
        statement = f"select * from archives where archive_uri in ({text}) order by archive_key, archive_version"  # noqa: S608 - quoted
        found: list[dict[str, Any]] = run_query(lake_path, statement, self.settings).to_pylist()
        return found

    def _add_archive(self, row: Mapping[str, Any]) -> str:
        data = self._fetch(row).data
        name = f"archives/{row['archive_sha256']}.json.gz"
        if hashlib.sha256(data).hexdigest() != row["archive_sha256"]:
            raise SourceError(f"{row['archive_uri']} is not what was ingested: its SHA-256 is another")
        self.members[name] = data
        names = ("verification", "digest_uri", "archive_version", "archive_key", "archive_sha256")
        self.archives.append(
            {"member": name, "uri": row["archive_uri"], "inflated_sha256": row["inflated_sha256"]}
            | {item: row[item] for item in names}
        )
        return name

    def _add_digest(self, row: Mapping[str, Any]) -> None:
        found = self._fetch(row)
        sha256 = hashlib.sha256(found.data).hexdigest()
        name, metadata = f"digests/{sha256}.json.gz", f"digests/{sha256}.metadata.json"
        self.members[name], self.members[metadata] = found.data, render_json(dict(found.metadata))
        self.digests.append({"member": name, "metadata_member": metadata, "uri": row["archive_uri"]})
        digest = parse_digest(inflate_archive(found.data, self.settings.caps))
        self.needs.append(describe_need(listed_from_row(row), digest, found.metadata))

    def _fetch(self, row: Mapping[str, Any]) -> DescribedObject:
        source = open_source(row["source_uri"], self.settings.s3)
        for _, outcome in source.fetch_described([listed_from_row(row)]):
            if isinstance(outcome, PipelineError):
                raise outcome
            return outcome
        raise AssertionError("a source answers for every object")


def _pick_findings(lake_path: str, finding_ids: Sequence[str], settings: Settings) -> list[Finding]:
    found = read_findings(lake_path, settings)
    picked = [item for item in found if item.finding_id in finding_ids or set(item.supersedes) & set(finding_ids)]
    known = {name for item in picked for name in (item.finding_id, *item.supersedes)}
    unknown = [name for name in finding_ids if name not in known]
    if unknown:
        raise UsageError(f"no such finding: {', '.join(unknown)}", hint="findings.json and the report name them")
    return picked


def _quote(values: Iterable[str]) -> str:
    return ", ".join(quote_text(value) for value in values) or "''"


def _plain(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: format_time(value) if isinstance(value, datetime) else value for name, value in row.items()}


def _write(out: Path, data: bytes) -> None:
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=out.parent, prefix=f".{out.name}-")
        with os.fdopen(handle, "wb") as stream:
            stream.write(data)
        Path(temporary).chmod(0o644)
        Path(temporary).replace(out)
    except OSError as error:
        raise UsageError(f"cannot write the case to {out}: {error.strerror}") from error
