"""What an account answers when it does not answer well: denied, throttled, lost, gone, no credentials."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pipeline.errors import RemediationError, UsageError
from pipeline.remediation import (
    Account,
    DeniedError,
    Journal,
    Outcome,
    Plan,
    apply_plan,
    check_plan,
    plan_findings,
    rollback_plan,
)
from pipeline.remediation.live_state import read_state
from tests.remediation.every_operation import ACCOUNT, MOMENT, OPEN, SMALL, Victim, make_finding
from tests.servers import ApiLog
from tests.servers.api_log import LOST


@pytest.fixture
def log(s3_endpoint: str) -> Iterator[ApiLog]:
    """The server's own log of what is called, with answers of its own where a test plans them."""
    with ApiLog(s3_endpoint) as made:
        yield made


@pytest.fixture
def victim(account: Account, unused: Callable[[str], str]) -> Victim:
    """Every kind of change, made by real calls."""
    return Victim(account, unused)


def make_plan(victim: Victim, account: Account, folder: Path) -> Plan:
    """The plan for what was done to the role, and the user's key: a dozen steps, each written to disk twice."""
    changes = [change for change in victim.changes if change.target_kind == "role"]
    return plan_findings(
        [victim.finding], {"pt-1": changes}, account_id=ACCOUNT, account=account, now=MOMENT,
        keys={"pt-1": victim.keys}, secrets=folder,
    )  # fmt: skip


def only(outcomes: list[Outcome], *results: str) -> list[str]:
    """Ids of the steps with such a result."""
    return [item.step_id for item in outcomes if item.result in results]


def slots(account: Account, victim: Victim, folder: Path) -> str:
    """What the account holds in every slot of a plan made now, as text."""
    plan = make_plan(victim, account, folder)
    return json.dumps([read_state(account, step.service, step.operation, step.parameters) for step in plan.steps])


def test_a_plan_refuses_what_it_may_not_read_and_plans_the_rest(log: ApiLog, victim: Victim, tmp_path: Path) -> None:
    """Denied reads leave their subjects alone, with the reason; the user is still contained."""
    denied = {"GetRole", "ListAccessKeys", "GetLoginProfile"}
    log.answer = lambda operation, _: "AccessDenied" if operation in denied else ""
    plan = make_plan(victim, Account(endpoint_url=log.url), tmp_path)
    reasons = {item.subject: item.reason for item in plan.refused}
    role, user = victim.names["Role"], victim.names["User"]
    assert reasons[f"role {role}"] == "it cannot be read: GetRole: AccessDenied: planned"
    assert reasons[f"UpdateAssumeRolePolicy on role {role}"] == "GetRole: AccessDenied: planned"
    assert reasons[f"password of user {user}"] == "GetLoginProfile: AccessDenied: planned"
    assert f"pt-1.contain.user.{user}" in {step.id for step in plan.steps}
    assert log.writes == []


def test_a_call_denied_half_way_stops_and_the_journal_rolls_it_back(
    log: ApiLog, victim: Victim, tmp_path: Path
) -> None:
    """The run ends at the denied call and says so; the rollback undoes exactly what was done; then it works."""
    account, journal = Account(endpoint_url=log.url), Journal(tmp_path / "journal")
    plan = make_plan(victim, account, tmp_path)
    before = slots(account, victim, tmp_path)
    log.answer = lambda operation, _: "AccessDenied" if operation == "UpdateAssumeRolePolicy" else ""
    outcomes = apply_plan(plan, account, journal)
    done = only(outcomes, "done")
    assert outcomes[-1].detail == "UpdateAssumeRolePolicy: AccessDenied: planned"
    assert only(outcomes, "failed") == [f"pt-1.UpdateAssumeRolePolicy.{victim.names['Role']}.role"]
    assert [entry["request_id"] for entry in journal.entries() if entry["phase"] == "failed"] == ["planned"]
    log.answer = lambda *_: ""
    undone = rollback_plan(plan, account, journal)
    assert only(undone, "rolled_back") == done[::-1]
    assert slots(account, victim, tmp_path) == before
    assert only(apply_plan(plan, account, journal), "failed", "refused") == []


def test_a_call_whose_answer_is_lost_is_rolled_back_too(log: ApiLog, victim: Victim, tmp_path: Path) -> None:
    """The server made the call, the client heard nothing: failed in the journal, and undone all the same."""
    account, journal = Account(endpoint_url=log.url, attempts=1), Journal(tmp_path / "journal")
    plan = make_plan(victim, account, tmp_path)
    before = slots(account, victim, tmp_path)
    log.answer = lambda operation, _: LOST if operation == "UpdateAssumeRolePolicy" else ""
    assert len(only(apply_plan(plan, account, journal), "failed")) == 1
    log.answer = lambda *_: ""
    assert slots(account, victim, tmp_path) != before
    rollback_plan(plan, account, journal)
    assert slots(account, victim, tmp_path) == before


@pytest.mark.parametrize(("answer", "is_kept"), [("AccessDenied", False), (LOST, True)])
def test_a_new_password_is_kept_only_where_it_may_be_the_password_now(
    log: ApiLog, account: Account, unused: Callable[[str], str], tmp_path: Path, answer: str, is_kept: bool
) -> None:
    """Refused by the service, its file goes; without an answer it stays, for its owner alone, and in no journal."""
    user = unused("user")
    account.call("iam", "CreateUser", UserName=user)
    account.call("iam", "CreateLoginProfile", UserName=user, Password="Made-up-1!")
    finding = make_finding("pt-1", [f"arn:aws:iam::{ACCOUNT}:user/{user}"])
    narrow, journal = Account(endpoint_url=log.url, attempts=1), Journal(tmp_path / "journal")
    plan = plan_findings([finding], {}, account_id=ACCOUNT, account=narrow, now=MOMENT, secrets=tmp_path)
    step = next(item for item in plan.steps if item.operation == "UpdateLoginProfile")
    log.answer = lambda operation, _: answer if operation == "UpdateLoginProfile" else ""
    assert only(apply_plan(plan, narrow, journal, confirmed=[step.id]), "failed") == [step.id]
    secret = Path(step.secret_file)
    assert secret.exists() is is_kept
    if is_kept:
        assert secret.read_text() == log.calls[-1].parameters["Password"]
        assert secret.read_text() not in journal.path.read_text()


def test_a_lost_answer_is_found_out_by_the_next_apply(log: ApiLog, victim: Victim, tmp_path: Path) -> None:
    """A process that died between call and journal: the next run sees that the account is in this state."""
    account, journal = Account(endpoint_url=log.url), Journal(tmp_path / "journal")
    plan = make_plan(victim, account, tmp_path)
    step = next(item for item in plan.steps if item.operation == "UpdateAssumeRolePolicy")
    journal.add(plan, step, "begin", service=step.service, operation=step.operation)
    account.call(step.service, step.operation, **step.parameters)
    with journal.path.open("ab") as stream:
        stream.write(b'{"at": "cut sho')
    log.clear()
    outcomes = {item.step_id: item for item in apply_plan(plan, account, journal)}
    assert (outcomes[step.id].result, outcomes[step.id].detail) == ("already", "the account is in this state")
    assert "UpdateAssumeRolePolicy" not in log.writes
    assert journal.phases(plan)[step.id] == "done"


def test_throttled_calls_are_made_again_and_at_last_given_up(log: ApiLog, victim: Victim, tmp_path: Path) -> None:
    """Twice throttled is once done; always throttled stops the run, and nothing after it is called."""
    account = Account(endpoint_url=log.url, attempts=3)
    plan = make_plan(victim, account, tmp_path)
    log.clear()
    log.answer = lambda operation, count: "Throttling" if operation == "UpdateAccessKey" and count < 3 else ""
    outcomes = apply_plan(plan, account, Journal(tmp_path / "journal"))
    assert log.writes[:3] == ["UpdateAccessKey"] * 3
    assert outcomes[0].result == "done"
    rollback_plan(plan, account, Journal(tmp_path / "journal"))
    log.answer = lambda operation, _: "Throttling" if operation == "PutRolePolicy" else ""
    log.clear()
    outcomes = apply_plan(plan, account, Journal(tmp_path / "journal"))
    assert (outcomes[-1].result, "Throttling" in outcomes[-1].detail) == ("failed", True)
    assert log.writes[-3:] == ["PutRolePolicy"] * 3


def test_check_says_what_it_could_not_read(log: ApiLog, victim: Victim, tmp_path: Path) -> None:
    """A denied read is no proof of anything: failed, with the reason; the other steps are checked."""
    account = Account(endpoint_url=log.url)
    plan = make_plan(victim, account, tmp_path)
    log.answer = lambda operation, _: "AccessDenied" if operation == "ListAccessKeys" else ""
    outcomes = check_plan(plan, account, Journal(tmp_path / "journal"))
    failed = [item for item in outcomes if item.result == "failed"]
    assert {item.detail for item in failed} == {"ListAccessKeys: AccessDenied: planned"}
    assert only(outcomes, "differs") != []


def test_without_credentials_nothing_is_planned_and_nothing_applied(
    victim: Victim, account: Account, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The user is told what to set; the journal stays unwritten."""
    plan = make_plan(victim, account, tmp_path)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    nobody, journal = Account(endpoint_url="http://127.0.0.1:1"), Journal(tmp_path / "journal")
    for act in (lambda: make_plan(victim, nobody, tmp_path), lambda: apply_plan(plan, nobody, journal)):
        with pytest.raises(UsageError, match="no AWS credentials"):
            act()
    assert not journal.path.exists()


def test_another_accounts_credentials_apply_nothing(log: ApiLog, victim: Victim, tmp_path: Path) -> None:
    """A plan is for one account."""
    account = Account(endpoint_url=log.url)
    plan = plan_findings([], {}, account_id="999999999999", account=account, now=MOMENT)
    with pytest.raises(UsageError, match="the plan is for account 999999999999, the credentials are of 123456789012"):
        apply_plan(plan, account, Journal(tmp_path / "journal"))
    assert log.writes == []


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        (
            "aws-service-role/x.amazonaws.com/AWSServiceRoleForX",
            "a service-linked role: AWS alone changes it, and its service deletes it",
        ),
        (
            "aws-reserved/sso.amazonaws.com/AWSReservedSSO_Admin_1",
            "an Identity Center role: end its sessions and change its permission set in Identity Center",
        ),
        ("gone", "it cannot be read: GetRole: NoSuchEntity: Role gone not found"),
    ],
)
def test_roles_that_are_not_the_accounts_to_change_are_refused(
    account: Account, tmp_path: Path, path: str, reason: str
) -> None:
    """Service-linked, Identity Center's, or gone: no step, and the reason."""
    plan = plan_findings(
        [make_finding("pt-1", [f"arn:aws:iam::{ACCOUNT}:role/{path}"])], {}, account_id=ACCOUNT, account=account,
        now=MOMENT,
    )  # fmt: skip
    assert plan.steps == ()
    assert [item.reason for item in plan.refused] == [reason]


def test_a_role_that_went_after_the_plan_is_refused(
    account: Account, unused: Callable[[str], str], tmp_path: Path
) -> None:
    """Deleted between plan and apply: the containment fails with IAM's words, and a rollback finds nothing to undo."""
    name = unused("role")
    account.call("iam", "CreateRole", RoleName=name, AssumeRolePolicyDocument=json.dumps(SMALL))
    account.call("iam", "PutRolePolicy", RoleName=name, PolicyName="app", PolicyDocument=json.dumps(OPEN))
    finding = make_finding("pt-1", [f"arn:aws:iam::{ACCOUNT}:role/{name}"])
    plan = plan_findings([finding], {}, account_id=ACCOUNT, account=account, now=MOMENT)
    account.call("iam", "DeleteRolePolicy", RoleName=name, PolicyName="app")
    account.call("iam", "DeleteRole", RoleName=name)
    journal = Journal(tmp_path / "journal")
    outcomes = apply_plan(plan, account, journal)
    assert [(item.result, "NoSuchEntity" in item.detail) for item in outcomes] == [("failed", True)]
    assert [item.result for item in rollback_plan(plan, account, journal)] == ["already"]


def test_a_denied_call_is_told_from_a_broken_one(log: ApiLog) -> None:
    """Access denied has its own error; anything else is a failed call."""
    log.answer = lambda operation, _: {"GetUser": "AccessDenied", "GetRole": "ServiceFailure"}.get(operation, "")
    account = Account(endpoint_url=log.url, attempts=1)
    with pytest.raises(DeniedError):
        account.call("iam", "GetUser", UserName="a")
    with pytest.raises(RemediationError, match="GetRole: ServiceFailure"):
        account.call("iam", "GetRole", RoleName="a")
