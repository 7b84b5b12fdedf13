"""Policy documents as people and tools write them: narrow ones for work, broad ones for scenarios.

What enters: draws. What leaves: documents. Narrow ones grant no more than ordinary writes on named resources.
This module must never make a call.
"""

from __future__ import annotations

from typing import Any

from pipeline.simulate.calls import Document, allow, deny, document
from pipeline.simulate.entropy import Entropy

_NAMES = ("inline", "app-access", "extra", "team-policy", "default", "temp-fix", "deploy-access", "s3-read", "runtime")
ADMINISTRATOR = "arn:aws:iam::aws:policy/AdministratorAccess"
NARROW_MANAGED = (
    "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole",
    "arn:aws:iam::aws:policy/CloudWatchAgentServerPolicy",
)


def policy_name(ids: Entropy) -> str:
    """Return a name as harmless as any."""
    return f"{ids.pick(_NAMES)}-{ids.hex(3)}"


def narrow_document(ids: Entropy, account_id: str) -> Document:
    """Return what a workload needs: a few actions on named resources."""
    name, place = ids.letters(7).lower(), f"{ids.pick(('us-east-1', 'eu-west-1', 'us-west-2'))}:{account_id}"
    choices = (
        allow(["s3:GetObject", "s3:PutObject"], f"arn:aws:s3:::{name}-{account_id[:4]}/*"),
        allow(
            ["dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:Query"],
            f"arn:aws:dynamodb:{place}:table/{name}",
        ),
        allow(["sqs:SendMessage", "sqs:ReceiveMessage", "sqs:DeleteMessage"], f"arn:aws:sqs:{place}:{name}"),
        allow("sns:Publish", f"arn:aws:sns:{place}:{name}"),
        allow(["logs:CreateLogStream", "logs:PutLogEvents"], f"arn:aws:logs:{place}:log-group:/app/{name}:*"),
        allow("ssm:GetParameter", f"arn:aws:ssm:{place}:parameter/app/{name}/*"),
        allow(["ec2:DescribeInstances", "ec2:DescribeTags"]),
        allow(["kms:Decrypt", "kms:GenerateDataKey"], f"arn:aws:kms:{place}:key/{ids.uuid()}"),
    )
    return document(*ids.sample(choices, ids.between(1, 2)))


def admin_document(ids: Entropy) -> Document:
    """Return a document that amounts to administration, written one of several ways."""
    return ids.pick(
        (
            document(allow("*")),
            document(allow(["*"], ["*"])),
            document(allow(["iam:*", "sts:*", "secretsmanager:*", "rds:*", "ec2:*", "s3:*", "kms:*", "dynamodb:*"])),
            document(allow("*:*")),
            document(allow("ec2:Describe*"), allow("*", "*", Sid="Admin")),
        )
    )


def broad_document(ids: Entropy) -> Document:
    """Return a document that opens data or whole services, or more."""
    return ids.pick(
        (
            admin_document(ids),
            document(allow("s3:*")),
            document(allow(["secretsmanager:GetSecretValue", "secretsmanager:ListSecrets"])),
            document(allow(["iam:PassRole", "lambda:*"])),
            document(allow("sts:AssumeRole")),
            document(allow(["iam:CreateAccessKey", "iam:ListUsers"])),
        )
    )


def odd_case(ids: Entropy, text: str) -> str:
    """Return ``text`` with letters of either case, never as it was."""
    mixed = "".join(ids.pick((letter.lower(), letter.upper())) for letter in text)
    return mixed if mixed != text.lower() else text.swapcase()


def with_condition(statement: dict[str, Any]) -> dict[str, Any]:
    """Return the statement bound to a second factor."""
    return {**statement, "Condition": {"Bool": {"aws:MultiFactorAuthPresent": "true"}}}


def revoke_sessions(before: str) -> Document:
    """Return what the console's "revoke active sessions" writes."""
    return document({**deny(["*"], ["*"]), "Condition": {"DateLessThan": {"aws:TokenIssueTime": before}}})
