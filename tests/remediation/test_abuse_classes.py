"""Each abuse class from real calls to a rolled-back plan, by the commands; what was called is read from the server."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from pipeline.cli.app import run_command
from pipeline.remediation.steps import hash_state
from tests.remediation.abuse_stories import STORIES, Story
from tests.servers import ApiLog, make_test_client

_NUMBERS = itertools.count()
REVERSIBLE = {
    "privilege_escalation": [
        "UpdateAccessKey", "UpdateAccessKey", "PutRolePolicy", "PutUserPolicy", "PutUserPolicy",
        "UpdateAssumeRolePolicy", "PutRolePolicy",
    ],
    "unauthorized_access": ["UpdateAccessKey", "PutRolePolicy", "PutUserPolicy", "DeleteRolePolicy"],
    "resource_misuse": ["UpdateAccessKey", "PutRolePolicy", "PutUserPolicy", "PutRolePolicy"],
}  # fmt: skip
LASTING = {
    "privilege_escalation": [
        "DeleteAccessKey", "DeleteUserPolicy", "DeleteUser", "CreateAccessKey", "DeleteAccessKey",
    ],
    "unauthorized_access": ["CreateAccessKey", "DeleteAccessKey", "UpdateLoginProfile"],
    "resource_misuse": ["CreateAccessKey", "DeleteAccessKey"],
}  # fmt: skip


def run(*arguments: str) -> int:
    """Run a command; returns its exit code."""
    with pytest.raises(SystemExit) as stop:
        run_command(list(arguments))
    assert isinstance(stop.value.code, int)
    return stop.value.code


@dataclass
class Case:
    """A story whose archives were run, with a plan for its finding."""

    story: Story
    folder: Path
    finding: dict[str, Any]
    log: ApiLog

    @property
    def plan(self) -> Path:
        """The plan's file."""
        return self.folder / "plan.json"

    def remediate(self, verb: str, *more: str) -> int:
        """Run a remediate command on the plan."""
        return run("remediate", verb, str(self.plan), "--endpoint-url", self.log.url, *more)

    def steps(self) -> list[dict[str, Any]]:
        """The plan's steps."""
        found: list[dict[str, Any]] = json.loads(self.plan.read_text())["steps"]
        return found

    def hash_account(self) -> str:
        """Hash of role and users of the story as a client of the test's own reads them."""
        iam = make_test_client(self.log.url, "iam")
        details = iam.get_account_authorization_details(Filter=["Role", "User"])
        names = {self.story.role, *self.story.users}
        state = [item for item in details["RoleDetailList"] if item["RoleName"] in names]
        state += [item for item in details["UserDetailList"] if item["UserName"] in names]
        keys = [iam.list_access_keys(UserName=name)["AccessKeyMetadata"] for name in self.story.users]
        iam.close()
        return hash_state([state, keys])


@contextmanager
def play(name: str, endpoint: str, folder: Path) -> Iterator[Case]:
    """Play a story, run the main job over its archives, make a plan for the finding."""
    story = STORIES[name](endpoint, f"{next(_NUMBERS):04d}")
    logs, lake, report = story.account.write(folder / "logs"), folder / "lake", folder / "report"
    assert run("run", str(logs), "--lake", str(lake), "--out", str(report)) == 0
    (finding,) = json.loads((report / "findings.json").read_text())["findings"]
    with ApiLog(endpoint) as log:
        made = Case(story, folder, finding, log)
        plan = ["remediate", "plan", finding["finding_id"], "--lake", str(lake), "--out", str(made.plan)]
        assert run(*plan, "--endpoint-url", log.url) == 0
        assert log.writes == []
        yield made


@pytest.fixture(params=list(STORIES), scope="module")
def case(request: pytest.FixtureRequest, s3_endpoint: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Case]:
    """A case of each class; every test of it leaves the account as it was."""
    with play(request.param, s3_endpoint, tmp_path_factory.mktemp(request.param)) as made:
        yield made


def test_the_class_is_found_contained_reverted_and_rolled_back(case: Case) -> None:
    """Found as its class; planning and showing write nothing; applying twice writes once; rolled back, hashes agree."""
    name = case.story.finding_class
    assert case.finding["class"] == name
    assert set(case.finding["remediation"]) <= {step["id"] for step in case.steps()}
    operations = [step["operation"] for step in case.steps() if step["inverse"] is not None]
    assert operations == REVERSIBLE[name]
    assert [step["operation"] for step in case.steps() if step["inverse"] is None] == LASTING[name]
    before = case.hash_account()
    case.log.clear()
    assert case.remediate("apply") == 0
    assert case.log.operations == []
    assert case.remediate("apply", "--yes") == 0
    assert case.log.writes == operations
    assert case.hash_account() != before
    case.log.clear()
    assert case.remediate("apply", "--yes") == 0
    assert case.remediate("check") == 1  # what cannot be undone was not confirmed
    assert case.log.writes == []
    assert case.remediate("rollback") == 0
    assert case.log.writes == []
    assert case.remediate("rollback", "--yes") == 0
    assert len(case.log.writes) == len(operations)
    assert case.hash_account() == before


@pytest.mark.parametrize("name", ["privilege_escalation", "unauthorized_access"])
def test_check_holds_once_everything_is_confirmed(
    name: str, s3_endpoint: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What cannot be undone is done one by one; only the key in its days of grace is left, and check says so."""
    with play(name, s3_endpoint, tmp_path) as case:
        lasting = [step["id"] for step in case.steps() if step["inverse"] is None]
        confirmed = [word for step_id in lasting for word in ("--confirm", step_id)]
        assert case.remediate("apply", "--yes", *confirmed) == 0
        capsys.readouterr()
        assert case.remediate("check") == 1
        said = [line for line in capsys.readouterr().out.splitlines() if not line.startswith("holds")]
        waiting = next(step["id"] for step in case.steps() if step["wait_days"])
        assert said == [f"differs: {waiting}"]
        secrets = [Path(step["secret_file"]) for step in case.steps() if step["secret_file"]]
        assert {path.stat().st_mode & 0o777 for path in secrets} == {0o600}
        written = case.plan.read_text() + Path(f"{case.plan}.journal").read_text()
        assert [path for path in secrets if path.read_text().strip() in written] == []


def test_a_step_that_is_skipped_is_not_called(case: Case) -> None:
    """The other steps are; an id that is no step's is wrong use, and calls nothing."""
    first = case.steps()[0]["id"]
    case.log.clear()
    assert case.remediate("apply", "--yes", "--skip", "no-such-step") == 2
    assert case.log.writes == []
    assert case.remediate("apply", "--yes", "--skip", first) == 0
    assert case.log.writes == REVERSIBLE[case.story.finding_class][1:]
    assert case.remediate("rollback", "--yes") == 0


def test_a_stale_plan_is_refused(case: Case, capsys: pytest.CaptureFixture[str]) -> None:
    """The role's policy changed after the plan: its step is refused, the run stops, the policy stays as it is."""
    iam = make_test_client(case.log.url, "iam")
    changed = {"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Action": "*", "Resource": "*"}]}
    step = [item for item in case.steps() if item["operation"] in ("PutRolePolicy", "DeleteRolePolicy")][-1]
    slot = {"RoleName": case.story.role, "PolicyName": step["parameters"]["PolicyName"]}
    earlier = iam.get_role_policy(**slot)["PolicyDocument"]
    iam.put_role_policy(**slot, PolicyDocument=json.dumps(changed))
    case.log.clear()
    assert case.remediate("apply", "--yes") == 1
    said = capsys.readouterr().out
    assert f"refused: {step['id']} - the account changed since the plan was made: make it again" in said
    assert case.log.writes == REVERSIBLE[case.story.finding_class][:-1]
    assert iam.get_role_policy(**slot)["PolicyDocument"] == changed
    assert case.remediate("rollback", "--yes") == 0
    iam.put_role_policy(**slot, PolicyDocument=json.dumps(earlier))
    iam.close()
