"""Short ways to write policy documents and rows of ``int_policy_writes`` in tests."""

from __future__ import annotations

import itertools
import json
from collections.abc import Sequence
from typing import Any

ACCOUNT = "111122223333"
Statement = dict[str, Any]


def allow(actions: str | Sequence[str], resources: str | Sequence[str] = "*", **more: Any) -> Statement:
    """An Allow statement."""
    return {"Effect": "Allow", "Action": actions, "Resource": resources, **more}


def deny(actions: str | Sequence[str], resources: str | Sequence[str] = "*", **more: Any) -> Statement:
    """A Deny statement."""
    return {"Effect": "Deny", "Action": actions, "Resource": resources, **more}


def document(*statements: Statement) -> str:
    """A document as text."""
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def trust(*principals: str, kind: str = "AWS", **more: Any) -> str:
    """A trust policy as text."""
    return document({"Effect": "Allow", "Principal": {kind: list(principals)}, "Action": "sts:AssumeRole", **more})


class Log:
    """Writes one row after the other, with ids e1, e2 ..."""

    def __init__(self) -> None:
        self._numbers = itertools.count(1)
        self.rows: list[dict[str, Any]] = []

    def write(self, kind: str, verb: str, target_kind: str, name: str | None, **more: Any) -> str:
        """Add one row and return its event id."""
        number = next(self._numbers)
        row: dict[str, Any] = {
            "recipient_account_id": ACCOUNT,
            "event_id": f"e{number}",
            "event_time": number,
            "event_name": "",
            "is_success": True,
            "is_denied": False,
            "principal_arn": f"arn:aws:iam::{ACCOUNT}:user/actor",
            "write_kind": kind,
            "write_verb": verb,
            "target_kind": target_kind,
            "target_name": name,
            "target_arn": f"arn:aws:iam::{ACCOUNT}:{target_kind}/{name}" if name else "",
        }
        self.rows.append({**row, **more})
        return str(row["event_id"])

    def put(self, text: str | None, role: str = "app", policy: str = "p", **more: Any) -> str:
        """PutRolePolicy."""
        return self.write("inline", "put", "role", role, policy_name=policy, policy_document=text, **more)

    def create_role(self, role: str = "app", text: str = trust("arn:aws:iam::111122223333:root"), **more: Any) -> str:
        """CreateRole."""
        return self.write("lifecycle", "create", "role", role, policy_document=text, **more)

    def attach(self, arn: str, role: str = "app", **more: Any) -> str:
        """AttachRolePolicy."""
        return self.write("managed", "attach", "role", role, policy_arn=arn, **more)
