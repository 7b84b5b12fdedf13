"""The error tree: every failure a user can meet is a sentence that says where and what to do.

What enters: nothing. What leaves: exception types. This module must never import another room.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Location:
    """Where something is wrong: an object, and within it a record.

    Attributes:
        uri: ``s3://bucket/key`` or ``file:///absolute/path``.
        record_index: position in ``Records``, counted from 0; ``None`` for the object as a whole.
    """

    uri: str
    record_index: int | None = None

    def __str__(self) -> str:
        return self.uri if self.record_index is None else f"{self.uri} record {self.record_index}"


class PipelineError(Exception):
    """Root of everything PolicyTrail raises on purpose; exit code 1 unless a subclass says otherwise."""

    exit_code = 1

    def __init__(self, message: str, *, location: Location | None = None, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.location = location
        self.hint = hint

    def __str__(self) -> str:
        parts = [self.message]
        if self.location is not None:
            parts.append(f"({self.location})")
        if self.hint:
            parts.append(f"- {self.hint}")
        return " ".join(parts)


class UsageError(PipelineError):
    """The call cannot work as given: a bad date, no such bucket, no credentials, an empty prefix."""

    exit_code = 2


class LakeVersionError(UsageError):
    """The lake was written by another, incompatible version."""


class SourceError(PipelineError):
    """An object could not be listed or fetched although the request was sound."""


class ObjectChangedError(SourceError):
    """The object changed between list and read (If-Match failed): the next run takes it up."""


class ArchiveError(PipelineError):
    """An archive's bytes cannot be trusted as a whole; ``reason`` is the quarantine's word for it."""

    def __init__(self, reason: str, message: str, *, location: Location | None = None) -> None:
        super().__init__(message, location=location)
        self.reason = reason


class RecordError(PipelineError):
    """One record cannot become an event; ``reason`` is the quarantine's word for it."""

    def __init__(self, reason: str, message: str, *, location: Location | None = None) -> None:
        super().__init__(message, location=location)
        self.reason = reason


class LakeError(PipelineError):
    """The lake could not be read or committed to; its last version stays readable."""


class CommitConflictError(LakeError):
    """Another run committed first; the loser starts again from the new version."""


class ModelError(PipelineError):
    """A SQL model is malformed, failed to build, or failed its audit."""


class PolicyError(PipelineError):
    """A policy document cannot be parsed; its grant is unknown, never empty."""


class ReportError(PipelineError):
    """What the report was handed lacks a column or a member, or its counts do not add up."""


class RemediationError(PipelineError):
    """A plan step was refused or failed; the journal says what was done."""
