"""The account's state as a user saved it: ``aws iam get-account-authorization-details`` as a file.

What enters: that file, or the one an earlier build kept in the lake. What leaves: its text and when it was taken. This
module must never read what the text says; ``policy`` does.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from pipeline.errors import UsageError
from pipeline.lake import Lake

KEPT_AS = "_account_snapshot.json"


@dataclass(frozen=True, slots=True)
class AccountSnapshot:
    """A saved answer of GetAccountAuthorizationDetails.

    Attributes:
        document: the JSON text.
        taken_at: when the file was last written; the answer itself does not say.
    """

    document: str
    taken_at: datetime

    @property
    def sha256(self) -> str:
        """Identity of the snapshot: another one means evaluating again."""
        return hashlib.sha256(f"{self.taken_at.isoformat()}\n{self.document}".encode()).hexdigest()


def read_snapshot(file: Path) -> AccountSnapshot:
    """Read the file a user gave.

    Raises:
        UsageError: there is no such file, or it is no text.
    """
    try:
        text = file.read_text(encoding="utf-8")
        modified = datetime.fromtimestamp(int(file.stat().st_mtime), UTC)
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(
            f"cannot read the account snapshot {file}: {error}",
            hint="save it with: aws iam get-account-authorization-details > snapshot.json",
        ) from error
    return AccountSnapshot(text, modified)


def keep_snapshot(lake: Lake, snapshot: AccountSnapshot) -> None:
    """Keep a snapshot in the lake, so that later builds know what this one knew."""
    kept = {"taken_at": snapshot.taken_at.isoformat(), "document": snapshot.document}
    lake.location.write_file(KEPT_AS, json.dumps(kept).encode())


def kept_snapshot(lake: Lake) -> AccountSnapshot | None:
    """Return the snapshot that an earlier build kept, if there is one."""
    content = lake.location.read_file(KEPT_AS)
    if content is None:
        return None
    kept = json.loads(content)
    return AccountSnapshot(kept["document"], datetime.fromisoformat(kept["taken_at"]))
