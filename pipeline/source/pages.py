"""One page of a listing, read from S3's XML.

What enters: the body of a ListObjectsV2 answer. What leaves: its objects, folders and continuation token. This module
must never take part of a page: what it does not understand it leaves to botocore.

Why: botocore spends 0.2 ms on each listed object, most of it on guessing the format of its date; this takes a tenth.

Source: Amazon S3 API reference, ListObjectsV2.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple
from urllib.parse import unquote_plus
from xml.etree import ElementTree

_EMPTY = b"<ListBucketResult/>"
_MEMBER = "PolicyTrailPage"


class Entry(NamedTuple):
    """One object of a listing."""

    key: str
    etag: str
    size: int
    modified_at: datetime


@dataclass(frozen=True, slots=True)
class Page:
    """One page; ``token`` asks for the next, "" on the last."""

    entries: list[Entry]
    folders: list[str]
    token: str


def parse_page(body: bytes) -> Page | None:
    """Read a page; ``None`` for what is no whole listing.

    Args:
        body: the answer's body. Keys are URL-encoded in it, which is how a newline survives XML.
    """
    try:
        root = ElementTree.fromstring(body)  # noqa: S314 - from the endpoint the user named; expat bounds entities
        space, brace, name = root.tag.rpartition("}")
        if name != "ListBucketResult":
            return None
        tag = space + brace
        is_encoded = root.findtext(f"{tag}EncodingType") == "url"
        entries = [_entry(found, tag, is_encoded) for found in root.iterfind(f"{tag}Contents")]
        folders = [_text(found.findtext(f"{tag}Prefix"), is_encoded) for found in root.iterfind(f"{tag}CommonPrefixes")]
        if root.findtext(f"{tag}IsTruncated") != "true":
            return Page(entries, folders, "")
        token = root.findtext(f"{tag}NextContinuationToken")
        return Page(entries, folders, token) if token else None
    except (ElementTree.ParseError, ValueError):
        return None


def attach_parser(client: Any) -> None:
    """Have an S3 client read its listings with ``parse_page``; its retries and errors stay as they are."""
    client.meta.events.register("before-parse.s3.ListObjectsV2", _read_page)


def page_of(answer: Any) -> Page | None:
    """The page that an answer of an attached client holds."""
    page = answer.get(_MEMBER)
    return page if isinstance(page, Page) else None


def _read_page(response_dict: dict[str, Any], customized_response_dict: dict[str, Any], **_: Any) -> None:
    page = parse_page(response_dict["body"]) if response_dict["status_code"] == 200 else None
    if page is not None:
        customized_response_dict[_MEMBER] = page
        response_dict["body"] = _EMPTY  # so that botocore does not read it all again


def _entry(found: ElementTree.Element, tag: str, is_encoded: bool) -> Entry:
    parts = {child.tag: child.text for child in found}
    return Entry(
        _text(parts.get(f"{tag}Key"), is_encoded),
        _text(parts.get(f"{tag}ETag"), False).strip('"'),
        int(_text(parts.get(f"{tag}Size"), False)),
        datetime.fromisoformat(_text(parts.get(f"{tag}LastModified"), False)),
    )


def _text(text: str | None, is_encoded: bool) -> str:
    if text is None:
        raise ValueError("a member is missing")
    return unquote_plus(text) if is_encoded else text
