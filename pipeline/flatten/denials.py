"""What an access denial's message names: on IAM denials the parameters are null, the sentence is all there is.

What enters: errorMessage. What leaves: the action and resource it names. This module must never trust the sentence
beyond its form: names are taken only where they have the shape of IAM names.

Source: IAM user guide, "Troubleshoot access denied error messages".
"""

from __future__ import annotations

import re
from dataclasses import dataclass

DENIAL_CODES = frozenset(
    {"AccessDenied", "AccessDeniedException", "Client.UnauthorizedOperation", "UnauthorizedAccess"}
)
"""Error codes by which AWS says that permission was missing."""

_SENTENCE = re.compile(
    r"is not authorized to perform: (?P<action>[A-Za-z0-9-]{1,64}:[A-Za-z0-9*]{1,128}) on resource: "
    r"(?:(?P<kind>role|user|group|policy|instance profile) )?(?P<resource>\S{1,2048})"
)
_NAME = re.compile(r"[A-Za-z0-9_+=,.@-]{1,128}")
_ARN = re.compile(r"arn:aws[a-z-]*:iam::[0-9]{12}:(role|user|group|policy|instance-profile)/([\x21-\x7e]{1,1024})")


@dataclass(frozen=True, slots=True)
class Denial:
    """What a denial names.

    Attributes:
        action: ``service:Action`` that was refused.
        kind: role, user, group or policy; ``""`` where the resource is something else.
        name: its name without path; ``None`` if not given.
        arn: its ARN; ``None`` if only a name is given.
    """

    action: str
    kind: str
    name: str | None
    arn: str | None


def read_denial(message: str) -> Denial | None:
    """Action and resource of an access denial's message; ``None`` where it has another form."""
    found = _SENTENCE.search(message)
    if found is None:
        return None
    resource = found["resource"].rstrip(".,;")
    arn = _ARN.fullmatch(resource)
    if arn is not None:
        return Denial(found["action"], arn[1], arn[2].rpartition("/")[2], resource)
    if found["kind"] and _NAME.fullmatch(resource):
        return Denial(found["action"], found["kind"], resource, None)
    return Denial(found["action"], "", None, None)


def denied_columns(event_source: str | None, message: str) -> dict[str, str]:
    """Promoted columns that a denial's message fills where the parameters are silent."""
    denial = read_denial(message)
    if denial is None:
        return {}
    if denial.action == "iam:PassRole":
        return {"passed_role_arn": denial.arn or denial.name or ""} if denial.kind == "role" else {}
    if event_source == "sts.amazonaws.com":
        return {"assumed_role_arn": denial.arn} if denial.kind == "role" and denial.arn else {}
    if event_source != "iam.amazonaws.com":
        return {}
    columns = {
        "role": {"target_role_name": denial.name, "target_role_arn": denial.arn},
        "user": {"target_user_name": denial.name},
        "group": {"target_group_name": denial.name},
        "policy": {"policy_arn": denial.arn},
    }.get(denial.kind, {})
    return {column: value for column, value in columns.items() if value}
