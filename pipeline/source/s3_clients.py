"""The boto3 door: sessions and clients, made once per process and settings.

What enters: ``S3Settings``. What leaves: clients with explicit retries and timeouts, and credentials that renew
themselves. This module must never keep a secret anywhere but in botocore's own objects.

Source: boto3 guide, "Retries" (mode ``standard``); STS API reference, AssumeRole.
"""

from __future__ import annotations

import os
import threading
from functools import lru_cache, partial
from typing import Any

import boto3
import botocore.session
from botocore.config import Config
from botocore.credentials import AssumeRoleCredentialFetcher, DeferredRefreshableCredentials
from botocore.exceptions import NoCredentialsError

from pipeline.settings import S3Settings
from pipeline.source.pages import attach_parser
from pipeline.source.s3_errors import FAILURES, explain_client

_DEFAULT_REGION = "us-east-1"
_ROLE_SESSION_NAME = "policytrail"
_making = threading.Lock()  # a session makes one client at a time: botocore's loaders are not thread-safe


def make_client(service: str, settings: S3Settings, *, region: str = "", max_attempts: int | None = None) -> Any:
    """A client of this process for one service; the same call gets the same client.

    Args:
        service: ``s3`` or ``cloudtrail``; the endpoint of the settings is for ``s3`` alone.
        settings: how to reach AWS.
        region: instead of the settings' own.
        max_attempts: instead of the settings' own.

    Raises:
        UsageError: no such profile, no region by that name, an endpoint that is no URL.
    """
    attempts = settings.max_attempts if max_attempts is None else max_attempts
    # The process id is part of the key: a forked child must not share its parent's sockets.
    return _client(service, settings, region, attempts, os.getpid())


def make_session(settings: S3Settings) -> boto3.session.Session:
    """The boto3 session of this process for the settings' profile, region and role.

    It is one for all clients: what botocore loads from its files for the first one, a tenth of a second, serves all,
    and so does an assumed role.

    Raises:
        UsageError: no such profile.
    """
    with _making:
        return _session(settings, os.getpid())


@lru_cache(maxsize=8)
def _session(settings: S3Settings, _process: int) -> boto3.session.Session:
    try:
        session = boto3.session.Session(profile_name=settings.profile or None, region_name=settings.region or None)
        return _assume_role(session, settings.role_arn) if settings.role_arn else session
    except FAILURES as error:
        raise explain_client(error) from error


@lru_cache(maxsize=32)
def _client(service: str, settings: S3Settings, region: str, attempts: int, _process: int) -> Any:
    session: Any = make_session(settings)
    config = Config(
        signature_version="s3v4" if service == "s3" else None,
        retries={"mode": "standard", "total_max_attempts": max(1, attempts)},
        connect_timeout=settings.connect_timeout_seconds,
        read_timeout=settings.read_timeout_seconds,
        max_pool_connections=max(10, settings.concurrency),
        # Archives carry their own CRC and length; CRC32 of each body in Python costs as much as the request.
        response_checksum_validation="when_required",
        request_checksum_calculation="when_required",
    )
    try:
        with _making:
            client = session.client(
                service,
                region_name=region or session.region_name or _DEFAULT_REGION,
                endpoint_url=(settings.endpoint_url or None) if service == "s3" else None,
                config=config,
            )
        if service == "s3":
            attach_parser(client)
        return client
    except (*FAILURES, ValueError) as error:  # ValueError: botocore's answer to an endpoint that is no URL
        raise explain_client(error) from error


def _assume_role(session: boto3.session.Session, role_arn: str) -> boto3.session.Session:
    """A session whose credentials come from STS AssumeRole and are renewed before they end."""
    held = session.get_credentials()
    if held is None:
        raise NoCredentialsError
    fetcher = AssumeRoleCredentialFetcher(
        client_creator=partial(session.client, region_name=session.region_name or _DEFAULT_REGION),
        source_credentials=held,
        role_arn=role_arn,
        extra_args={"RoleSessionName": _ROLE_SESSION_NAME},
    )
    inner: Any = botocore.session.Session()
    inner._credentials = DeferredRefreshableCredentials(fetcher.fetch_credentials, "assume-role")
    return boto3.session.Session(botocore_session=inner, region_name=session.region_name or _DEFAULT_REGION)
