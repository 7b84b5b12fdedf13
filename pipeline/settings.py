"""Frozen settings: the only reader of environment variables and ``policytrail.toml``.

What enters: a TOML file, ``POLICYTRAIL_*`` variables, and overrides from the command line (strongest last).
What leaves: one ``Settings``. This module must never open anything but that TOML file.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from pipeline.errors import UsageError

MEBIBYTE = 1024 * 1024


@dataclass(frozen=True, slots=True)
class S3Settings:
    """How to reach S3; empty means boto3's own chain (environment, profile, instance role)."""

    endpoint_url: str = ""
    region: str = ""
    profile: str = ""
    role_arn: str = ""
    max_attempts: int = 10
    connect_timeout_seconds: float = 10.0
    read_timeout_seconds: float = 60.0
    concurrency: int = 32


@dataclass(frozen=True, slots=True)
class Caps:
    """Limits on one archive: beyond them it is quarantined, not read."""

    inflated_bytes: int = 1024 * MEBIBYTE
    ratio: int = 200
    ratio_free_bytes: int = 16 * MEBIBYTE
    records: int = 1_000_000
    depth: int = 64


@dataclass(frozen=True, slots=True)
class IngestSettings:
    """Sizes of work: a task is what one worker reads and writes, a batch is what one commit makes visible."""

    workers: int = 0
    task_stored_bytes: int = 8 * MEBIBYTE
    task_archives: int = 1024
    batch_tasks: int = 16
    late_days: int = 31
    compression_level: int = 1


@dataclass(frozen=True, slots=True)
class DetectionSettings:
    """Thresholds of the ordered rule; the defaults need no tuning (docs/detection.md says where each comes from)."""

    lookback_days: int = 30
    authorised_min_writes: int = 5
    authorised_min_days: int = 2
    history_min_days: int = 7
    history_min_events: int = 20
    burst_denials: int = 5
    handover_hours: int = 24
    smoothing: float = 4.0
    max_hops: int = 16
    allow_list: tuple[str, ...] = ()
    break_glass: tuple[str, ...] = ()
    acknowledged_file: str = ""


@dataclass(frozen=True, slots=True)
class Settings:
    """All settings of one call."""

    s3: S3Settings = field(default_factory=S3Settings)
    caps: Caps = field(default_factory=Caps)
    ingest: IngestSettings = field(default_factory=IngestSettings)
    detection: DetectionSettings = field(default_factory=DetectionSettings)


_SECTIONS: dict[str, type[Any]] = {
    "s3": S3Settings,
    "caps": Caps,
    "ingest": IngestSettings,
    "detection": DetectionSettings,
}


def _convert(section: str, name: str, default: Any, value: Any, origin: str) -> Any:
    """Bring ``value`` to the type of ``default`` or say where it is wrong."""
    if isinstance(default, tuple):
        items = value.split(",") if isinstance(value, str) else value
        if isinstance(items, list) and all(isinstance(item, str) for item in items):
            return tuple(item.strip() for item in items if item.strip())
    elif isinstance(default, str):
        if isinstance(value, str):
            return value
    else:
        try:
            if not isinstance(value, (list, dict, bool)):
                converted = type(default)(value)
                if converted >= 0:
                    return converted
        except ValueError:
            pass
    raise UsageError(
        f"{origin}: [{section}] {name} = {value!r} is not a {type(default).__name__}",
        hint=f"the default is {default!r}",
    )


def _apply(settings: Settings, section: str, values: Mapping[str, Any], origin: str) -> Settings:
    current = getattr(settings, section)
    known = {item.name for item in fields(current)}
    changes: dict[str, Any] = {}
    for name, value in values.items():
        if name not in known:
            raise UsageError(
                f"{origin}: [{section}] has no setting {name!r}", hint=f"it has {', '.join(sorted(known))}"
            )
        changes[name] = _convert(section, name, getattr(current, name), value, origin)
    return replace(settings, **{section: replace(current, **changes)})


def load_settings(
    file: Path | None = None,
    *,
    environment: Mapping[str, str] | None = None,
    overrides: Mapping[str, Mapping[str, Any]] | None = None,
) -> Settings:
    """Read settings: defaults, then the TOML file, then ``POLICYTRAIL_<SECTION>_<NAME>``, then overrides.

    Args:
        file: a TOML file; ``None`` reads ``policytrail.toml`` in the working folder if there is one.
        environment: variables to read instead of the process's own.
        overrides: section -> name -> value, from the command line; ``None`` values are ignored.

    Returns:
        The settings of this call.

    Raises:
        UsageError: no such file, not TOML, an unknown section or name, or a value of the wrong type.
    """
    settings = Settings()
    path = file if file is not None else Path("policytrail.toml")
    if file is not None or path.is_file():
        try:
            document = tomllib.loads(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise UsageError(f"cannot read settings file {path}: {error.strerror}") from error
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise UsageError(f"{path} is no TOML: {error}") from error
        for section, values in document.items():
            if section not in _SECTIONS or not isinstance(values, dict):
                raise UsageError(f"{path}: no section [{section}]", hint=f"sections are {', '.join(_SECTIONS)}")
            settings = _apply(settings, section, values, str(path))
    for name, value in sorted((os.environ if environment is None else environment).items()):
        prefix, _, rest = name.partition("_")
        section, _, key = rest.lower().partition("_")
        if prefix == "POLICYTRAIL" and section in _SECTIONS:
            settings = _apply(settings, section, {key: value}, f"environment {name}")
    for section, values in (overrides or {}).items():
        given = {key: value for key, value in values.items() if value is not None}
        settings = _apply(settings, section, given, "command line")
    return settings
