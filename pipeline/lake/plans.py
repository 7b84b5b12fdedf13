"""The write-ahead plan of a batch: what it will make visible, decided once, before anything is.

What enters: file actions of the three tables. What leaves: plan n+1, created if absent, and plan n for whoever has
to finish it. This module must never change a plan that exists.

Plans live in ``_plans/_delta_log``: plan n+1 is the commit of transaction n+1 on an empty Delta table, its content
in the commit's own JSON file. Delta's log creates that file only if it is absent (a hard link on disk, If-None-Match
on S3), which is the compare-and-swap that a batch needs, with one code path and no second library for S3.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from deltalake import DeltaTable

from pipeline.errors import CommitConflictError, LakeError
from pipeline.lake.layout import PLANS, LakeLocation
from pipeline.lake.parquet import FileAction
from pipeline.lake.tables import advance, load_table, read_commits, read_number

FIRST_CHAIN = "0" * 64
"""What the ledger's hash chain starts from."""

_LOOK_BACK = 16


@dataclass(frozen=True, slots=True)
class Plan:
    """One batch, complete: whoever finds it can finish it.

    Attributes:
        number: the batch's number.
        files: table name -> the files that the batch adds to it.
        chain_sha256: the ledger's chain after the batch's last row.
        writer: the run that created it: it knows its own plan again where an answer from S3 was lost.
    """

    number: int
    files: dict[str, tuple[FileAction, ...]]
    chain_sha256: str
    writer: str

    def to_json(self) -> dict[str, Any]:
        """The form kept in the commit."""
        files = {name: [item.to_json() for item in items] for name, items in self.files.items()}
        return {
            "number": self.number,
            "files": files,
            "chain_sha256": self.chain_sha256,
            "writer": self.writer,
        }

    @classmethod
    def from_json(cls, document: dict[str, Any]) -> Plan:
        """Read back what ``to_json`` wrote."""
        files = {name: tuple(map(FileAction.from_json, items)) for name, items in document["files"].items()}
        return cls(document["number"], files, document["chain_sha256"], document["writer"])


def load_plans(location: LakeLocation) -> DeltaTable:
    """The plan table at its newest version: the object to decide and to create the next plan with."""
    return load_table(location, PLANS)


def read_plan(location: LakeLocation, plans: DeltaTable) -> Plan | None:
    """The newest plan, or ``None`` before the first batch.

    Raises:
        LakeError: the plan's commit is gone: the lake was changed by hand.
    """
    number = read_number(plans)
    if number == 0:
        return None
    for commit in read_commits(location, PLANS, plans, _LOOK_BACK):
        document = commit.get("plan")
        if document is not None and document["number"] == number:
            return Plan.from_json(document)
    raise LakeError(f"plan {number} is missing from {plans.table_uri}", hint="restore _plans/ from a backup")


def read_commit_time(location: LakeLocation) -> datetime | None:
    """When the newest plan was written, by the clock of the run that wrote it; ``None`` before the first."""
    for commit in read_commits(location, PLANS, load_plans(location), _LOOK_BACK):
        if commit.get("plan") is not None:
            return datetime.fromtimestamp(commit["timestamp"] / 1000, tz=UTC)
    return None


def create_plan(location: LakeLocation, plans: DeltaTable, plan: Plan) -> None:
    """Create the next plan if it is absent.

    Raises:
        CommitConflictError: another run planned this batch first.
        LakeError: the plan could not be written.
    """
    try:
        advance(plans, plan.number, metadata={"plan": plan.to_json()})
    except CommitConflictError:
        # A request that is repeated because its answer was lost finds its own plan there.
        found = read_plan(location, load_plans(location))
        if found is None or (found.number, found.writer) != (plan.number, plan.writer):
            raise
