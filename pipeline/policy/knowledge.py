"""What is known about actions and policies, as rows: escalation paths, sensitive actions, AWS's own policies.

What enters: the text of the seeds in ``sql/seeds`` (the caller reads the files). What leaves: typed rows.
This module must never hold such facts itself: a path, an action or a policy is a row with a reference.

Source: the ``reference`` column of each row.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass

from pipeline.errors import PolicyError

SCOPES = ("wide", "self", "same_target")


@dataclass(frozen=True, slots=True)
class EscalationPath:
    """One way from a set of permissions to more of them.

    Attributes:
        path_id: pathfinding.cloud's id; ``pt-`` where it has none.
        name: in a few words.
        permissions: every one is needed.
        events: the CloudTrail event names of the path, in order.
        services: services that take part.
        scope: ``wide`` (complete on wide resources only), ``self`` (also where it reaches the principal itself),
            ``same_target`` (also where all permissions reach one and the same named resource).
        technique: MITRE ATT&CK id.
        reference: URL.
    """

    path_id: str
    name: str
    permissions: tuple[str, ...]
    events: tuple[str, ...]
    services: tuple[str, ...]
    scope: str
    technique: str
    reference: str


@dataclass(frozen=True, slots=True)
class SensitiveAction:
    """An action that reads secrets or data, or hands out authority; ``kind`` says which."""

    action: str
    kind: str
    reference: str


@dataclass(frozen=True, slots=True)
class ManagedPolicy:
    """An AWS-managed policy: the path and name after ``arn:aws:iam::aws:policy``, version and document."""

    name: str
    version: str
    document: str


def _rows(text: str, columns: tuple[str, ...], what: str) -> Iterator[dict[str, str]]:
    reader = csv.DictReader(io.StringIO(text), strict=True)
    missing = [name for name in columns if name not in (reader.fieldnames or ())]
    if missing:
        raise PolicyError(f"{what} lacks the columns {', '.join(missing)}")
    for number, row in enumerate(reader, start=2):
        values = {name: (row[name] or "").strip() for name in columns}
        empty = [name for name, value in values.items() if not value]
        if empty:
            raise PolicyError(f"{what}, row {number}: {', '.join(empty)} is empty")
        yield values


def _words(text: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in text.split(";") if word.strip())


def parse_escalation_paths(csv_text: str) -> tuple[EscalationPath, ...]:
    """Read ``escalation_paths.csv``.

    Args:
        csv_text: the file's text, header included.

    Returns:
        One path a row, in the file's order.

    Raises:
        PolicyError: a column is missing, a cell empty, an id repeated or a scope unknown.
    """
    columns = ("path_id", "name", "permissions", "events", "services", "scope", "technique", "reference")
    paths: dict[str, EscalationPath] = {}
    for row in _rows(csv_text, columns, "escalation_paths.csv"):
        if row["path_id"] in paths or row["scope"] not in SCOPES:
            raise PolicyError(f"escalation_paths.csv: {row['path_id']} is repeated or has scope {row['scope']!r}")
        paths[row["path_id"]] = EscalationPath(
            path_id=row["path_id"],
            name=row["name"],
            permissions=_words(row["permissions"]),
            events=_words(row["events"]),
            services=_words(row["services"]),
            scope=row["scope"],
            technique=row["technique"],
            reference=row["reference"],
        )
    return tuple(paths.values())


def parse_sensitive_actions(csv_text: str) -> tuple[SensitiveAction, ...]:
    """Read ``sensitive_actions.csv``.

    Args:
        csv_text: the file's text, header included.

    Returns:
        One action a row.

    Raises:
        PolicyError: a column is missing or a cell empty.
    """
    rows = _rows(csv_text, ("action", "kind", "reference"), "sensitive_actions.csv")
    return tuple(SensitiveAction(row["action"], row["kind"], row["reference"]) for row in rows)


def parse_managed_policies(csv_text: str) -> dict[str, ManagedPolicy]:
    """Read ``aws_managed_policies.csv``.

    Args:
        csv_text: the file's text, header included.

    Returns:
        Lower-case ``/path/name`` (as it stands after ``:policy`` in the ARN) -> policy.

    Raises:
        PolicyError: a column is missing or a cell empty.
    """
    csv.field_size_limit(1 << 20)
    found: dict[str, ManagedPolicy] = {}
    for row in _rows(csv_text, ("path", "name", "version", "document"), "aws_managed_policies.csv"):
        found[f"{row['path']}{row['name']}".lower()] = ManagedPolicy(row["name"], row["version"], row["document"])
    return found
