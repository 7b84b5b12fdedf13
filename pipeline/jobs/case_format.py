"""The form of a case file: a tar whose bytes depend on nothing but its members.

What enters: members, or the bytes of a tar that anyone may have made. What leaves: tar bytes, or members. This module
must never extract to a disk, follow a link, or accept a member that the manifest does not name.
"""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from collections.abc import Iterable, Mapping
from typing import Any

from pipeline.errors import UsageError

CASE_SCHEMA = "policytrail.case/1"
MANIFEST = "MANIFEST.json"
_MEMBER_BYTES = 1024 * 1024 * 1024
_TOTAL_BYTES = 4 * _MEMBER_BYTES


def render_json(value: Any) -> bytes:
    """A JSON document, always the same bytes for the same value; nothing in it can break out."""
    return (json.dumps(value, indent=1, sort_keys=True, ensure_ascii=True, default=str) + "\n").encode()


def pack_case(members: Mapping[str, bytes], facts: Mapping[str, Any]) -> bytes:
    """Pack members with a manifest of their hashes.

    Args:
        members: name -> bytes.
        facts: what the manifest says beyond the members: version, findings, archives, digests, events.

    Returns:
        The tar: members sorted, no times, no owners.
    """
    listed = [
        {"name": name, "bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
        for name, data in sorted(members.items())
    ]
    manifest = render_json({"schema": CASE_SCHEMA, **facts, "members": listed})
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for name, data in [(MANIFEST, manifest), *sorted(members.items())]:
            info = tarfile.TarInfo(name)
            info.size, info.mtime, info.mode = len(data), 0, 0o644
            tar.addfile(info, io.BytesIO(data))
    return out.getvalue()


def unpack_case(data: bytes) -> tuple[dict[str, Any], dict[str, bytes], list[str]]:
    """Read a case file in memory.

    Args:
        data: a tar; possibly made by someone hostile.

    Returns:
        The manifest, the members that are what the manifest says, and a sentence on each that is not.

    Raises:
        UsageError: it is no tar, or has no manifest of this form.
    """
    found, problems = _read_members(data)
    manifest = _read_manifest(found.pop(MANIFEST, None))
    stated = {item["name"]: item for item in manifest["members"]}
    good = {}
    for name, content in sorted(found.items()):
        if name not in stated:
            problems.append(f"{name}: the manifest does not name it")
        elif hashlib.sha256(content).hexdigest() != stated[name]["sha256"]:
            problems.append(f"{name}: its SHA-256 is not the one in the manifest")
        else:
            good[name] = content
    problems += [f"{name}: the manifest names it, and it is not there" for name in sorted(stated.keys() - found.keys())]
    return manifest, good, problems


def _read_members(data: bytes) -> tuple[dict[str, bytes], list[str]]:
    found: dict[str, bytes] = {}
    problems: list[str] = []
    total = 0
    try:
        with tarfile.open(fileobj=io.BytesIO(data), mode="r:") as tar:
            for info in tar:
                total += info.size
                stream = tar.extractfile(info) if info.isreg() else None
                if stream is None:
                    problems.append(f"{info.name}: not a regular file, so it was not read")
                elif info.size > _MEMBER_BYTES or total > _TOTAL_BYTES:
                    problems.append(f"{info.name}: too large, so it was not read")
                elif info.name in found:
                    problems.append(f"{info.name}: a second member of that name")
                else:
                    found[info.name] = stream.read()
    except (tarfile.TarError, ValueError, OverflowError, EOFError) as error:
        raise UsageError(f"this is no case file: {error}") from error
    return found, problems


def _read_manifest(content: bytes | None) -> dict[str, Any]:
    if content is None:
        raise UsageError(f"this is no case file: it has no {MANIFEST}")
    try:
        manifest = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"this is no case file: its {MANIFEST} is no JSON") from error
    if not isinstance(manifest, dict) or manifest.get("schema") != CASE_SCHEMA:
        raise UsageError(f"this is no case file: its {MANIFEST} is not of the schema {CASE_SCHEMA}")
    for name, members in _SHAPES.items():
        items = manifest.get(name)
        if not isinstance(items, list) or not all(_has_texts(item, members) for item in items):
            raise UsageError(f"this is no case file: {name} in its {MANIFEST} lacks a member")
    return manifest


_SHAPES: dict[str, Iterable[str]] = {
    "members": ("name", "sha256"),
    "archives": ("member", "uri", "inflated_sha256"),
    "digests": ("member", "metadata_member", "uri"),
    "events": ("event_id", "recipient_account_id", "archive_uri", "member", "record_sha256"),
}


def _has_texts(item: Any, members: Iterable[str]) -> bool:
    return isinstance(item, dict) and all(isinstance(item.get(name), str) for name in members)
