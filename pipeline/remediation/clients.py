"""The IAM, STS and CloudTrail door.

What enters: endpoint, region, profile, role. What leaves: clients with explicit retries, and answers or errors in
sentences. This module must never log a secret.

Source: boto3 guide, "Retries" (mode ``standard`` covers throttling).
"""

from __future__ import annotations

from collections.abc import Mapping
from copy import copy
from typing import Any

import boto3
from botocore import xform_name
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError, PartialCredentialsError, ProfileNotFound

from pipeline.errors import RemediationError, UsageError

_DENIALS = frozenset({"AccessDenied", "AccessDeniedException", "UnauthorizedOperation"})
_GONE = frozenset({"NoSuchEntity", "NoSuchEntityException", "TrailNotFoundException"})
_NO_ACCESS = frozenset({"InvalidClientTokenId", "ExpiredToken", "SignatureDoesNotMatch", "UnrecognizedClientException"})


class DeniedError(RemediationError):
    """The account refused one call."""


class GoneError(RemediationError):
    """What the call is about does not exist."""


class Account:
    """Calls to one account, clients made once each."""

    def __init__(
        self, *, endpoint_url: str = "", region: str = "", profile: str = "", role_arn: str = "", attempts: int = 8
    ) -> None:
        """Prepare; nothing is asked yet. Raises ``UsageError`` where there is no such profile."""
        try:
            self._session = boto3.session.Session(profile_name=profile or None, region_name=region or None)
        except ProfileNotFound as error:
            raise UsageError(str(error), hint="--profile names one of the AWS configuration") from error
        self._endpoint_url, self._attempts = endpoint_url or None, attempts
        self._clients: dict[str, Any] = {}
        self._region = self._session.region_name or "us-east-1"
        if role_arn:
            given = self.call("sts", "AssumeRole", RoleArn=role_arn, RoleSessionName="policytrail")["Credentials"]
            self._session = boto3.session.Session(
                given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"], region_name=region or None
            )
            self._clients = {}
        self._elsewhere: dict[str, Account] = {}

    def at(self, region: str) -> Account:
        """The same account and credentials, called in a region; ``""`` for the region at hand."""
        if region in ("", self._region):
            return self
        if region not in self._elsewhere:
            there = copy(self)
            there._region, there._clients = region, {}
            self._elsewhere[region] = there
        return self._elsewhere[region]

    def client(self, service: str) -> Any:
        """The client of a service."""
        if service not in self._clients:
            session: Any = self._session
            self._clients[service] = session.client(
                service,
                region_name=self._region,
                endpoint_url=self._endpoint_url,
                config=Config(retries={"mode": "standard", "total_max_attempts": self._attempts}),
            )
        return self._clients[service]

    def call(self, service: str, operation: str, /, **parameters: Any) -> dict[str, Any]:
        """Make one call.

        Raises:
            UsageError: no usable credentials.
            DeniedError: access denied.
            GoneError: no such entity.
            RemediationError: anything else that the service or the network answered.
        """
        try:
            answer: dict[str, Any] = getattr(self.client(service), xform_name(operation))(**parameters)
        except (ClientError, BotoCoreError) as error:
            raise explain(error, operation) from error
        return answer

    def pages(self, service: str, operation: str, member: str, /, **parameters: Any) -> list[Any]:
        """All of a paginated list; raises as ``call``."""
        try:
            paginator = self.client(service).get_paginator(xform_name(operation))
            return [item for page in paginator.paginate(**parameters) for item in page.get(member, ())]
        except (ClientError, BotoCoreError) as error:
            raise explain(error, operation) from error

    def account_id(self) -> str:
        """The account's id, by sts:GetCallerIdentity."""
        return str(self.call("sts", "GetCallerIdentity")["Account"])


def explain(error: ClientError | BotoCoreError, operation: str) -> UsageError | RemediationError:
    """Turn botocore's error into a sentence of the right kind."""
    if isinstance(error, (NoCredentialsError, PartialCredentialsError)):
        return UsageError("no AWS credentials", hint="set AWS_PROFILE or AWS_ACCESS_KEY_ID, or pass --profile")
    if not isinstance(error, ClientError):
        return RemediationError(f"{operation}: {error}")
    code = str(error.response.get("Error", {}).get("Code", ""))
    text = f"{operation}: {code}: {error.response.get('Error', {}).get('Message', '')}"
    if code in _NO_ACCESS:
        return UsageError(text, hint="the credentials are not accepted")
    if code in _DENIALS:
        return DeniedError(text)
    return GoneError(text) if code in _GONE else RemediationError(text)


def request_id_of(answer: Mapping[str, Any]) -> str:
    """The id that the service gave a call, CloudTrail's ``requestID``; ``""`` where the answer has none."""
    return str(answer["ResponseMetadata"].get("RequestId", ""))


def failed_request_id(error: Exception) -> str:
    """The id of a call that the service refused; ``""`` where it never answered."""
    cause = error.__cause__
    return str(cause.response["ResponseMetadata"].get("RequestId", "")) if isinstance(cause, ClientError) else ""
