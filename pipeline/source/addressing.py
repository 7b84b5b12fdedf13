"""Where a bucket answers: host, path and region, as boto3 itself would address it.

What enters: a client and a bucket. What leaves: an ``Address``, or ``None`` where only boto3 should speak. This module
must never guess: the URL is one that boto3 made.
"""

from __future__ import annotations

import ssl
import urllib.request
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from botocore.httpsession import get_cert_path

from pipeline.settings import S3Settings
from pipeline.source.s3_clients import make_session

_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Address:
    """Where and as whom to ask.

    Attributes:
        hostname: to connect to.
        port: to connect to.
        host: of the Host header.
        base_path: what precedes a key in the path: ``/``, or ``/bucket/``.
        region: to sign for.
        tls: ``None`` for plain HTTP.
        credentials: botocore's, which renew themselves.
    """

    hostname: str
    port: int
    host: str
    base_path: str
    region: str
    tls: ssl.SSLContext | None
    credentials: Any


def find_address(client: Any, settings: S3Settings, bucket: str) -> Address | None:
    """Ask boto3 how it addresses a bucket; ``None`` behind an HTTP proxy or for a bucket of another kind."""
    url = urlsplit(client.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "k"}))
    session: Any = make_session(settings)
    credentials = session.get_credentials()
    is_proxied = url.scheme in urllib.request.getproxies() and not urllib.request.proxy_bypass(url.hostname or "")
    # A directory bucket (--x-s3) signs with session keys of its own.
    if credentials is None or is_proxied or not url.path.endswith("/k") or bucket.endswith("--x-s3"):
        return None
    tls = None
    if url.scheme == "https":
        bundle = session._session.get_config_variable("ca_bundle")
        tls = ssl.create_default_context(cafile=bundle or get_cert_path(True))
    host = url.netloc
    if host.startswith(f"{bucket}."):
        # A presigned URL may name the global endpoint, which redirects; the client's own requests go to the region.
        host = f"{bucket}.{urlsplit(client.meta.endpoint_url).netloc}"
    return Address(
        hostname=urlsplit(f"//{host}").hostname or "",
        port=url.port or _PORTS[url.scheme],
        host=host,
        base_path=url.path[:-1],
        region=client.meta.region_name,
        tls=tls,
        credentials=credentials,
    )
