"""``case verify``: a case file checked again, from its bytes alone.

What enters: a case file, and keys from elsewhere if there are any. What leaves: each check and its outcome. This job
must never write, open a source, or believe the manifest: hashes, signatures and records are computed anew.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import numpy as np

from pipeline.archive import Digest, Keyring, LogFile, inflate_archive, parse_digest, parse_saved_keys, split_records
from pipeline.errors import ArchiveError, UsageError
from pipeline.finding import FINDINGS_SCHEMA
from pipeline.jobs.case_format import unpack_case
from pipeline.jobs.case_ledger import check_ledger
from pipeline.jobs.case_records import compare_record
from pipeline.jobs.verify_keys import read_keys
from pipeline.settings import Caps, Settings

CASE_VERIFY_SCHEMA = "policytrail.case_verify/1"
_BACKFILL = "_backfill.json.gz"


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was checked."""

    subject: str
    kind: str
    is_good: bool
    detail: str


@dataclass
class CaseVerification:
    """What checking a case found.

    Attributes:
        findings: ids of the case.
        version: of PolicyTrail that made it.
        checks: each check; a case without digests is sound but not vouched for by CloudTrail, which its notes say.
        notes: what is not checked, and why.
    """

    findings: tuple[str, ...]
    version: str
    checks: list[Check] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def exit_code(self) -> int:
        """3 where a check failed."""
        return 0 if all(item.is_good for item in self.checks) else 3

    def to_json(self) -> dict[str, Any]:
        """The machine-readable form."""
        return {"schema": CASE_VERIFY_SCHEMA, **asdict(self), "is_good": self.exit_code == 0}


def verify_case(file: Path, settings: Settings, *, keys_file: Path | None = None) -> CaseVerification:
    """Check a case file.

    Args:
        file: the case.
        settings: caps.
        keys_file: public keys had independently of the case; without, those in the case are used, which proves that
            the case is consistent but not that CloudTrail signed it.

    Returns:
        Every check.

    Raises:
        UsageError: it cannot be read, or is no case file.
    """
    try:
        data = file.read_bytes()
    except OSError as error:
        raise UsageError(f"cannot read {file}: {error.strerror}") from error
    manifest, members, problems = unpack_case(data)
    names = manifest.get("findings")
    found = CaseVerification(tuple(map(str, names)) if isinstance(names, list) else (), str(manifest.get("version")))
    found.checks += [Check(text.partition(": ")[0], "member", False, text.partition(": ")[2]) for text in problems]
    found.checks += [Check(name, "member", True, "") for name in members]
    keyring = read_keys(keys_file) if keys_file is not None else _bundled_keys(members, found)
    checker = _Checker(manifest, members, found, settings.caps)
    checker.check_digests(keyring)
    checker.check_archives()
    checker.check_ledger()
    checker.check_events()
    checker.check_findings()
    return found


def _bundled_keys(members: Mapping[str, bytes], found: CaseVerification) -> Keyring:
    if "keys.json" not in members:
        return Keyring(())
    found.notes.append(
        "signatures were checked with the keys in the case; give --keys FILE to check them independently"
    )
    return Keyring(parse_saved_keys(members["keys.json"].decode("utf-8", "replace")))


class _Checker:
    def __init__(
        self, manifest: Mapping[str, Any], members: Mapping[str, bytes], found: CaseVerification, caps: Caps
    ) -> None:
        self.manifest = manifest
        self.members = members
        self.found = found
        self.caps = caps
        self.good_digests: list[Digest] = []
        self.buffers: dict[str, bytes] = {}
        self.hashes: dict[str, str] = {}
        self.proved: dict[tuple[str, str, int], tuple[Any, Any]] = {}

    def check_digests(self, keyring: Keyring) -> None:
        """Signatures, with the metadata that stands beside each digest."""
        for item in self.manifest["digests"]:
            problem = self._check_digest(item, keyring)
            self._note(item["uri"], "digest", problem)

    def _check_digest(self, item: Mapping[str, str], keyring: Keyring) -> str:
        data, metadata = self.members.get(item["member"]), self.members.get(item["metadata_member"])
        if data is None or metadata is None:
            return "its bytes or its metadata are not in the case"
        try:
            digest = parse_digest(inflate_archive(data, self.caps))
            stated = json.loads(metadata)
        except (ArchiveError, ValueError, RecursionError) as error:
            return f"it cannot be read: {error}"
        if not isinstance(stated, dict) or not all(isinstance(value, str) for value in stated.values()):
            return "its metadata is no object of texts"
        problem = keyring.check(digest, stated, is_backfill=digest.key.endswith(_BACKFILL))
        if not problem:
            self.good_digests.append(digest)
        return problem

    def check_archives(self) -> None:
        """Hashes against the digests whose signature holds, for every archive that was verified when it was read."""
        named: dict[str, list[LogFile]] = {}
        for digest in self.good_digests:
            for log_file in digest.log_files:
                named.setdefault(log_file.sha256, []).append(log_file)
        for item in self.manifest["archives"]:
            self._note(item["uri"], "archive", self._check_archive(item, named))

    def _check_archive(self, item: Mapping[str, Any], named: Mapping[str, Sequence[LogFile]]) -> str:
        data = self.members.get(item["member"])
        if data is None:
            return "its bytes are not in the case"
        self.hashes[item["member"]] = hashlib.sha256(data).hexdigest()
        try:
            buffer = inflate_archive(data, self.caps)
        except ArchiveError as error:
            return f"it cannot be read: {error.message}"
        self.buffers[item["member"]] = buffer
        sha256 = hashlib.sha256(buffer).hexdigest()
        if sha256 != item["inflated_sha256"]:
            return "its inflated bytes are not those that were ingested"
        if item.get("verification") != "verified":
            self.found.notes.append(f"{item['uri']}: no digest vouched for it ({item.get('verification')})")
            return ""
        if any(_is_named(item["uri"], log_file) for log_file in named.get(sha256, ())):
            return ""
        return "no digest in the case with a good signature names it with this hash"

    def check_ledger(self) -> None:
        """The ledger's rows by their hash chain, and against the bytes in the case."""
        archives = [dict(item) | {"archive_sha256": self.hashes.get(item["member"])} for item in self._manifested()]
        for subject, problem in check_ledger(self.members.get("ledger.json"), archives):
            self._note(subject, "ledger", problem)

    def _manifested(self) -> Sequence[Mapping[str, Any]]:
        found: Sequence[Mapping[str, Any]] = self.manifest["archives"]
        return found

    def check_events(self) -> None:
        """Each cited event's record, cut out of the raw bytes again."""
        for item in self.manifest["events"]:
            self._note(f"{item['recipient_account_id']} {item['event_id']}", "event", self._check_event(item))

    def _check_event(self, item: Mapping[str, Any]) -> str:
        buffer = self.buffers.get(item["member"])
        if buffer is None:
            return "its archive cannot be read"
        try:
            spans = split_records(buffer, self.caps)
        except ArchiveError as error:
            return f"its archive cannot be split: {error.message}"
        rows = np.flatnonzero(spans.indexes == item.get("record_index"))
        if len(rows) != 1:
            return f"its archive has no record {item.get('record_index')}"
        raw = buffer[int(spans.starts[rows[0]]) : int(spans.ends[rows[0]])]
        sha256 = hashlib.sha256(raw).hexdigest()
        if sha256 != item["record_sha256"]:
            return "the record's SHA-256 is another"
        other = compare_record(raw, item, sha256)
        if other:
            return f"the record is of another event: its {other} is another"
        key = (item["recipient_account_id"], item["event_id"], int(item["record_index"]))
        self.proved[key] = (item.get("event_name"), item.get("event_time"))
        return ""

    def check_findings(self) -> None:
        """Every event that the findings cite is one that was proved."""
        try:
            document = json.loads(self.members.get("findings.json", b""))
            cited = [
                (
                    f"{finding['finding_id']}: {event['event_id']}",
                    (event["recipient_account_id"], event["event_id"], event["record_index"]),
                    (event["event_name"], event["event_time"]),
                )
                for finding in document["findings"]
                for event in finding["evidence"]
            ]
            is_known = document["schema"] == FINDINGS_SCHEMA
            names = [finding["finding_id"] for finding in document["findings"]]
        except (ValueError, KeyError, TypeError, RecursionError):
            self._note("findings.json", "findings", "it is no findings.json")
            return
        lacking = sorted({name for name, key, told in cited if self.proved.get(key) != told})
        problem = "" if is_known else "it is of another schema"
        if sorted(names) != sorted(self.found.findings):
            problem = "the manifest names other findings"
        if lacking:
            problem = f"{len(lacking)} cited events are not proved by the case: {', '.join(lacking[:5])}"
        self._note("findings.json", "findings", problem)

    def _note(self, subject: str, kind: str, problem: str) -> None:
        self.found.checks.append(Check(subject, kind, not problem, problem))


def _is_named(uri: str, log_file: LogFile) -> bool:
    """Whether a digest's entry is of the object at a URI; a folder's file is known by its name."""
    if uri.startswith("s3://"):
        return uri == f"s3://{log_file.bucket}/{log_file.key}"
    return unquote(uri).rpartition("/")[2] == log_file.key.rpartition("/")[2]
