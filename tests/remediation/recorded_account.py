"""An account that is changed by real calls, each written down as CloudTrail would have recorded it.

moto emits no CloudTrail. Here a call is made against moto's server first; its answer, its parameters and the request id
that the server gave it then become the record. State and archives match because both come from the same call.
"""

from __future__ import annotations

import gzip
import json
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

from tests.servers import make_test_client
from tests.servers.api_log import ApiCall

ACCOUNT = "123456789012"
"""moto's account."""

HOME, ELSEWHERE = "198.51.100.7", "203.0.113.99"
CLI, OTHER_CLI = "aws-cli/2.15.0 Python/3.11", "Boto3/1.34.0 md/Botocore"


@dataclass(frozen=True)
class Actor:
    """Who makes a call, as CloudTrail names him."""

    identity: dict[str, Any]
    address: str = HOME
    agent: str = CLI

    def at(self, address: str, agent: str) -> Actor:
        """The same credentials, used from elsewhere."""
        return Actor(self.identity, address, agent)


@dataclass
class RecordedAccount:
    """Makes calls and keeps their records.

    Attributes:
        endpoint: of moto's server.
        name: tells the event ids of two stories apart.
        now: when the next call is made; each takes 20 seconds.
    """

    endpoint: str
    name: str
    now: datetime = datetime(2026, 3, 2, 9, tzinfo=UTC)
    records: list[dict[str, Any]] = field(default_factory=list)

    def call(self, actor: Actor, service: str, operation: str, **parameters: Any) -> dict[str, Any]:
        """Make a call and record it."""
        client = make_test_client(self.endpoint, service)
        answer = _invoke(client, operation, parameters)
        client.close()
        self.record(actor, service, operation, parameters, answer)
        return answer

    def seen(self, actor: Actor, service: str, operation: str, parameters: dict[str, Any] | None = None) -> None:
        """Record a call that changes nothing in IAM, without making it."""
        self.record(actor, service, operation, parameters or {}, {})

    def record(
        self, actor: Actor, service: str, operation: str, parameters: dict[str, Any], answer: dict[str, Any]
    ) -> None:
        """Write one record down."""
        number = len(self.records)
        told = {name: value for name, value in answer.items() if name != "ResponseMetadata"}
        request_id = answer.get("ResponseMetadata", {}).get("RequestId", f"made-up-{number}")
        self.add(actor, ApiCall(service, operation, parameters, request_id), told)

    def add(self, actor: Actor, call: ApiCall, answer: dict[str, Any] | None = None) -> None:
        """Write a call of a server's log down."""
        self.records.append(
            {
                "eventVersion": "1.11",
                "userIdentity": actor.identity,
                "eventTime": self.now.strftime("%Y-%m-%dT%H:%M:%SZ"),
                "eventSource": f"{call.service}.amazonaws.com",
                "eventName": call.operation,
                "awsRegion": "us-east-1",
                "sourceIPAddress": actor.address,
                "userAgent": actor.agent,
                "requestParameters": _spell(call.parameters) or None,
                "responseElements": _spell(_encode(answer or {})) or None,
                "requestID": call.request_id,
                "eventID": str(uuid.uuid5(uuid.NAMESPACE_OID, f"{self.name} {len(self.records)}")),
                "readOnly": call.operation.startswith(("Get", "List", "Describe")),
                "eventType": "AwsApiCall",
                "managementEvent": True,
                "recipientAccountId": ACCOUNT,
                "eventCategory": "Management",
            }
        )
        self.now += timedelta(seconds=20)

    def wait(self, **span: float) -> None:
        """Let time pass."""
        self.now += timedelta(**span)

    def user(self, name: str) -> Actor:
        """A user that exists in the account, with a key of its own; neither call is in the archives."""
        client = make_test_client(self.endpoint, "iam")
        made = client.create_user(UserName=name)["User"]
        key = client.create_access_key(UserName=name)["AccessKey"]["AccessKeyId"]
        client.close()
        return user_actor(made, key)

    def assume(self, actor: Actor, role: str, session: str) -> Actor:
        """Take up a role's credentials."""
        arn = f"arn:aws:iam::{ACCOUNT}:role/{role}"
        answer = self.call(actor, "sts", "AssumeRole", RoleArn=arn, RoleSessionName=session)
        made = answer["AssumedRoleUser"]
        identity = {
            "type": "AssumedRole",
            "principalId": made["AssumedRoleId"],
            "arn": made["Arn"],
            "accountId": ACCOUNT,
            "accessKeyId": answer["Credentials"]["AccessKeyId"],
            "sessionContext": {
                "sessionIssuer": {
                    "type": "Role",
                    "principalId": made["AssumedRoleId"].split(":")[0],
                    "arn": arn,
                    "accountId": ACCOUNT,
                    "userName": role,
                },
                "attributes": {"creationDate": self.records[-1]["eventTime"], "mfaAuthenticated": "false"},
            },
        }
        return Actor(identity, actor.address, actor.agent)

    def live_quietly(self, actor: Actor, days: int = 10) -> None:
        """Ordinary read-only work on each of some days."""
        for _ in range(days):
            for operation in ("DescribeInstances", "DescribeVolumes", "DescribeImages"):
                self.seen(actor, "ec2", operation)
            self.wait(days=1, seconds=-60)

    def write(self, folder: Path, number: int = 1) -> Path:
        """Write the records that are not yet written as one archive; returns the folder."""
        day = self.now.strftime("%Y/%m/%d")
        name = f"{ACCOUNT}_CloudTrail_us-east-1_{self.now:%Y%m%dT%H}00Z_{number:016d}.json.gz"
        path = folder / "AWSLogs" / ACCOUNT / "CloudTrail" / "us-east-1" / day / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(gzip.compress(json.dumps({"Records": self.records}).encode(), mtime=0))
        return folder


def user_actor(user: dict[str, Any], key: str) -> Actor:
    """A user's long-term key in use."""
    return Actor(
        {
            "type": "IAMUser",
            "principalId": user["UserId"],
            "arn": user["Arn"],
            "accountId": ACCOUNT,
            "accessKeyId": key,
            "userName": user["UserName"],
        }
    )


def _invoke(client: Any, operation: str, parameters: dict[str, Any]) -> dict[str, Any]:
    name = next(name for name, api in client.meta.method_to_api_mapping.items() if api == operation)
    answer: dict[str, Any] = getattr(client, name)(**parameters)
    return answer


def _spell(value: Any) -> Any:
    """Members as CloudTrail spells them: the first letter small."""
    if isinstance(value, dict):
        return {name[:1].lower() + name[1:]: _spell(item) for name, item in value.items() if "Secret" not in name}
    if isinstance(value, list):
        return [_spell(item) for item in value]
    return value.strftime("%b %d, %Y, %I:%M:%S %p") if isinstance(value, datetime) else value


def _encode(value: Any) -> Any:
    """Documents in answers are URL-encoded."""
    if isinstance(value, dict):
        documents = ("AssumeRolePolicyDocument", "PolicyDocument")
        return {
            name: quote(json.dumps(item), safe="") if name in documents else _encode(item)
            for name, item in value.items()
        }
    return value
