"""Opening a lake the way a job's settings say.

What enters: a lake's path and settings. What leaves: an open ``Lake``. This module must never keep a credential; on
S3 it passes on what the user gave, and leaves the rest to the store's own chain (environment, profile, role).
"""

from __future__ import annotations

import os
from collections.abc import Callable

from pipeline.lake.lake import Lake, open_lake_tables
from pipeline.settings import S3Settings, Settings


def open_job_lake(
    lake_path: str | os.PathLike[str],
    settings: Settings,
    *,
    create: bool = False,
    on_step: Callable[[str], None] | None = None,
) -> Lake:
    """Open a lake on disk or on S3.

    Args:
        lake_path: a folder or ``s3://bucket/prefix``.
        settings: endpoint, region, profile and role for S3.
        create: make a new lake where there is none.
        on_step: called after each step of a commit; for tests.

    Returns:
        The open lake.

    Raises:
        UsageError: no lake there, another version, or no credentials.
    """
    path = os.fspath(lake_path)
    storage = storage_options(settings.s3) if path.startswith("s3://") else {}
    if on_step is None:
        return open_lake_tables(path, storage, create=create)
    return open_lake_tables(path, storage, create=create, on_step=on_step)


def storage_options(settings: S3Settings) -> dict[str, str]:
    """Delta's storage options for S3 settings; credentials of a profile or role are resolved by ``source``."""
    options = {
        "aws_endpoint": settings.endpoint_url,
        "aws_region": settings.region or os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION", ""),
        "aws_allow_http": "true" if settings.endpoint_url.startswith("http://") else "",
    }
    if settings.profile or settings.role_arn:
        options |= _resolve_credentials(settings)
    return {name: value for name, value in options.items() if value}


def _resolve_credentials(settings: S3Settings) -> dict[str, str]:
    """Credentials of a profile or role as they are now; the store's own chain knows neither setting."""
    from pipeline.source.s3_clients import make_session  # boto3: only for a lake on S3

    credentials = make_session(settings).get_credentials()
    if credentials is None:
        return {}
    frozen = credentials.get_frozen_credentials()
    return {
        "aws_access_key_id": frozen.access_key or "",
        "aws_secret_access_key": frozen.secret_key or "",
        "aws_session_token": frozen.token or "",
    }
