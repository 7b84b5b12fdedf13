"""An account's state as saved from IAM itself: it fills what the log cannot know.

What enters: the JSON answer of ``aws iam get-account-authorization-details``. What leaves: an ``AccountState`` each.
This module must never be lenient about the form: a file that is something else is refused, not half read.

Source: IAM API Reference, GetAccountAuthorizationDetails (documents in it are URL-encoded; the CLI decodes them).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pipeline.errors import PolicyError
from pipeline.policy.evaluator import Evaluated, Evaluator
from pipeline.policy.state import BOUNDARY, TRUST, AccountState, ManagedState, Principal, Slot, SlotKey

_LISTS = {"UserDetailList": "user", "GroupDetailList": "group", "RoleDetailList": "role"}
_INLINE = {"user": "UserPolicyList", "group": "GroupPolicyList", "role": "RolePolicyList"}
_NAME = {"user": "UserName", "group": "GroupName", "role": "RoleName"}


@dataclass(frozen=True, slots=True)
class Snapshot:
    """States by account id; every principal in it is whole."""

    accounts: dict[str, AccountState]


def _read(value: Any, evaluator: Evaluator) -> Evaluated:
    return evaluator.read(value if isinstance(value, str) else json.dumps(value))


def _account_of(arn: str, accounts: dict[str, AccountState]) -> AccountState:
    parts = arn.split(":")
    if len(parts) < 6 or parts[2] != "iam" or not parts[4]:
        raise PolicyError(f"snapshot has an Arn that is no IAM principal's: {arn[:200]!r}")
    return accounts.setdefault(parts[4], AccountState(parts[4], parts[1]))


def _hold(account: AccountState, principal: Principal, key: SlotKey, slot: Slot) -> None:
    principal.slots[key] = slot
    if key[0] in ("managed", "group"):
        account.holders.setdefault(key, {})[principal] = slot


def _add_principal(item: Mapping[str, Any], kind: str, accounts: dict[str, AccountState], evaluator: Evaluator) -> None:
    account = _account_of(str(item["Arn"]), accounts)
    principal = Principal(kind, str(item[_NAME[kind]]), str(item["Arn"]), {}, account.epoch(kind))
    account.principals[principal.key] = principal
    for policy in item.get(_INLINE[kind]) or ():
        name = str(policy["PolicyName"])
        _hold(account, principal, ("inline", name.lower()), Slot(_read(policy["PolicyDocument"], evaluator), name, 0))
    for policy in item.get("AttachedManagedPolicies") or ():
        arn = str(policy["PolicyArn"])
        _hold(account, principal, ("managed", arn.lower()), Slot(None, arn, 0))
    for group in item.get("GroupList") or ():
        _hold(account, principal, ("group", str(group).lower()), Slot(None, str(group), 0))
    boundary = item.get("PermissionsBoundary")
    if boundary:
        _hold(account, principal, BOUNDARY, Slot(None, str(boundary["PermissionsBoundaryArn"]), 0))
    if "AssumeRolePolicyDocument" in item:
        _hold(account, principal, TRUST, Slot(_read(item["AssumeRolePolicyDocument"], evaluator), "", 0))


def _add_policy(item: Mapping[str, Any], accounts: dict[str, AccountState], evaluator: Evaluator) -> None:
    arn = str(item["Arn"])
    owners = list(accounts.values()) if ":iam::aws:" in arn else [_account_of(arn, accounts)]
    for account in owners:
        policy = account.policies.setdefault(arn.lower(), ManagedState(arn))
        for version in item.get("PolicyVersionList") or ():
            slot = Slot(_read(version["Document"], evaluator), arn, 0)
            policy.versions[str(version["VersionId"])] = slot
            if version.get("IsDefaultVersion") or version["VersionId"] == item.get("DefaultVersionId"):
                policy.default[""] = slot


def load_snapshot(snapshot: str | Mapping[str, Any], evaluator: Evaluator) -> Snapshot:
    """Read a saved answer of ``get-account-authorization-details``.

    Args:
        snapshot: JSON text, or the object.
        evaluator: reads the documents.

    Returns:
        The state of each account that its ARNs name.

    Raises:
        PolicyError: it is no such answer; a truncated one (``IsTruncated``) is refused as well.
    """
    try:
        value = json.loads(snapshot) if isinstance(snapshot, str) else snapshot
    except (ValueError, RecursionError) as error:
        raise PolicyError(f"snapshot is not JSON: {error}") from error
    if not isinstance(value, Mapping) or not any(isinstance(value.get(name), list) for name in _LISTS):
        raise PolicyError("snapshot is not an answer of get-account-authorization-details")
    if value.get("IsTruncated"):
        raise PolicyError("snapshot is one page of several", hint="save all pages (the AWS CLI does so by itself)")
    accounts: dict[str, AccountState] = {}
    try:
        for name, kind in _LISTS.items():
            for item in value.get(name) or ():
                _add_principal(item, kind, accounts, evaluator)
        for item in value.get("Policies") or ():
            _add_policy(item, accounts, evaluator)
    except (KeyError, TypeError, AttributeError) as error:
        raise PolicyError(f"snapshot has an entry of another form: {error!r}") from error
    return Snapshot(accounts)
