"""ARNs and key ids in the few words that fit a drawing.

What enters: an ARN, an access key id, or whatever a log holds in its place. What leaves: its kind and a short name;
the full text always travels beside it. This module must never decide anything from a name.

Source: IAM user guide, "IAM identifiers".
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from pipeline.report.cleaning import clean_text, is_plain, mask_keys, present_text

_RESOURCE_KINDS = {
    "assumed-role": "session",
    "role": "role",
    "user": "user",
    "group": "group",
    "policy": "policy",
    "root": "root user",
    "federated-user": "federated user",
    "instance-profile": "instance profile",
}
_ACTION = re.compile(r"[a-z0-9-]+:[A-Z][A-Za-z0-9]*")
_PROVIDER_KINDS = {"oidc-provider": "OIDC subject", "saml-provider": "SAML subject"}


@dataclass(frozen=True, slots=True)
class PrincipalLabel:
    """A principal as drawn: ``kind`` and ``name`` are shown, ``full`` is its tooltip."""

    kind: str
    name: str
    account_id: str
    full: str


def label_principal(value: str | None, *, width: int = 48, show_keys: bool = False) -> PrincipalLabel:
    """Describe a principal in a line.

    Args:
        value: an ARN, an access key id, or anything that stands in their place.
        width: longest name, in characters.
        show_keys: show access key ids in full.

    Returns:
        Its kind, its name shortened in the middle, its account where it has one, and its cleaned text.
    """
    full = present_text(value or "", limit=2000, show_keys=show_keys)
    text = mask_ends(value or "", show_keys=show_keys)
    parts = text.split(":", 5)
    if text.startswith("arn:") and len(parts) == 6:
        head, _, name = parts[5].partition("/")
        kind = _RESOURCE_KINDS.get(head, "principal")
        if head in _PROVIDER_KINDS and "|" in name:
            # Who a provider vouched for tells people apart; the provider is the same for all of them.
            kind, name = _PROVIDER_KINDS[head], name.partition("|")[2]
        return PrincipalLabel(kind, shorten(name or head, width), clean_text(parts[4], limit=16), full)
    if text[:4] in ("AKIA", "ASIA"):
        return PrincipalLabel("access key", shorten(text, width), "", full)
    # A use edge ends at what was called, for instance dynamodb:DeleteTable.
    kind = "action" if _ACTION.fullmatch(text) else "principal"
    return PrincipalLabel(kind, shorten(text, width) or "unknown", "", full or "unknown")


def measure_labels(labels: Sequence[PrincipalLabel]) -> int:
    """Return the room that the longest name takes, in the units of the drawings (12 pixel letters)."""
    return max(90, 10 + round(7.4 * max((len(label.name) for label in labels), default=0)))


def mask_ends(text: str, *, show_keys: bool) -> str:
    """Mask the keys of a text that will be shortened: of one too long to be shown, only its ends stay.

    Args:
        text: any text.
        show_keys: leave access key ids as they are.

    Returns:
        The text, or its first and last 2,048 characters.
    """
    text = text if len(text) <= 4096 else text[:2048] + "\u2026" + text[-2048:]
    return text if show_keys else mask_keys(text)


def shorten(text: str, width: int) -> str:
    """Cut a text in the middle, where names differ least, and clean it.

    Args:
        text: any text.
        width: longest result, in characters.

    Returns:
        At most ``width`` characters, an ellipsis where any are missing.
    """
    if len(text) <= width and is_plain(text):
        return text
    # Only the two ends can be shown, so only they are cleaned: a text may have a megabyte.
    ends = (text[:width], text[-width:]) if len(text) > 2 * width else (text,)
    text = "\u2026".join(clean_text(end) for end in ends)
    if len(text) <= width:
        return text
    head = (width - 1) * 2 // 3
    return f"{text[:head]}\u2026{text[head + 1 - width :]}"
