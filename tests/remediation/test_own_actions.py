"""One's own remediation in later logs: known by the request ids of the journal, shown, and no alarm."""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from pipeline import remediation
from pipeline.api import open_lake
from pipeline.remediation import rollback_plan
from tests.remediation.abuse_stories import escalate
from tests.remediation.recorded_account import Actor, RecordedAccount
from tests.remediation.test_abuse_classes import run
from tests.servers import ApiLog


@dataclass
class Aftermath:
    """A lake before the responder's archives came, and those archives.

    Attributes:
        finding_id: of the attack.
        writes: operations that the responder's plan made, as the server saw them.
    """

    folder: Path
    finding_id: str
    writes: list[str]

    def run(self, *more: str, lake: str = "lake") -> int:
        """Run the main job over all archives."""
        out = str(self.folder / "report")
        return run("run", str(self.folder / "logs"), "--lake", str(self.folder / lake), "--out", out, *more)

    def findings(self) -> list[dict[str, Any]]:
        """Findings of the last report beside the attack."""
        found = json.loads((self.folder / "report" / "findings.json").read_text())["findings"]
        assert self.finding_id in {item["finding_id"] for item in found}
        return [item for item in found if item["finding_id"] != self.finding_id]


@pytest.fixture(scope="module")
def played(s3_endpoint: str, tmp_path_factory: pytest.TempPathFactory) -> Aftermath:
    """An escalation is found, mended and, as it was a drill, rolled back; then the responder's calls are delivered.

    Rolling back gives the role everything again and opens its trust: made by anyone else, that is an alarm.
    """
    folder = tmp_path_factory.mktemp("own")
    story = escalate(s3_endpoint, "own")
    account = story.account
    responder = account.user("responder-own")
    account.write(folder / "logs")
    assert run("run", str(folder / "logs"), "--lake", str(folder / "lake"), "--out", str(folder / "report")) == 0
    (finding,) = json.loads((folder / "report" / "findings.json").read_text())["findings"]
    shutil.copytree(folder / "lake", folder / "untold")
    plan = str(folder / "plan.json")
    with ApiLog(s3_endpoint) as log:
        assert run(
            "remediate", "plan", finding["finding_id"], "--lake", str(folder / "lake"), "--out", plan,
            "--endpoint-url", log.url,
        ) == 0  # fmt: skip
        for verb in ("apply", "rollback"):
            assert run("remediate", verb, plan, "--yes", "--endpoint-url", log.url) == 0
        deliver(account, responder, log, folder)
        return Aftermath(folder, finding["finding_id"], log.writes)


def deliver(account: RecordedAccount, responder: Actor, log: ApiLog, folder: Path) -> None:
    """The archive of the responder's calls, from the server's log: its request ids, not the journal's."""
    account.records.clear()
    account.name += "-after"
    account.wait(hours=2)
    for call in log.calls:
        if call.operation in log.writes:
            account.add(responder, call)
    account.write(folder / "logs", number=2)


def test_remediation_is_shown_and_raises_no_alarm(played: Aftermath) -> None:
    """No extra step: apply told the lake. The finding is information with its reason; the report lists the calls."""
    assert played.run("--fail-on", "low", "--all", lake="lake") == 4  # the attack itself is still there
    others = played.findings()
    assert [(item["severity"], item["class"], item["remediation"]) for item in others] == [
        ("info", "indeterminate", [])
    ]
    assert others[0]["title"].startswith("Remediation: user/responder-own")
    assert "remediation" in {reason["code"] for reason in others[0]["reasons"]}
    seen = open_lake(str(played.folder / "lake")).sql("select event_name from fct_own_actions order by event_time")
    assert seen["event_name"].to_list() == played.writes
    page = (played.folder / "report" / "report.html").read_text()
    assert "Remediation seen in the logs" in page
    assert played.run("--fail-on", "low") == 0


def test_a_lake_that_was_not_told_raises_the_alarm_until_it_is_given_the_journal(played: Aftermath) -> None:
    """Nothing but the request id tells the responder from anyone else; a journal from elsewhere can be given."""
    lake = "untold"
    assert played.run("--fail-on", "medium", lake=lake) == 4
    (alarm,) = played.findings()
    assert (alarm["severity"], alarm["principal"]["arn"].rpartition("/")[2]) == ("medium", "responder-own")
    assert played.run("--remediation-journal", str(played.folder / "plan.json.journal"), lake=lake) == 0
    assert [item["severity"] for item in played.findings()] == ["info"]
    assert played.run(lake=lake) == 0  # and it is kept
    assert [item["severity"] for item in played.findings()] == ["info"]


def test_the_documented_program_runs(
    played: Aftermath, s3_endpoint: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """docs/remediation.md's Python plans, applies, checks and rolls back; all its names are public."""
    text = (Path(__file__).parents[2] / "docs" / "remediation.md").read_text(encoding="utf-8")
    (program,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    folder = played.folder / "program"
    folder.mkdir()
    shutil.copytree(played.folder / "untold", folder / "lake")
    monkeypatch.chdir(folder)
    monkeypatch.setenv("AWS_ENDPOINT_URL", s3_endpoint)
    names: dict[str, Any] = {}
    exec(compile(program, "docs/remediation.md", "exec"), names)
    said = capsys.readouterr().out
    assert "# Plan plan-" in said
    assert {item.result for item in rollback_plan(names["plan"], names["account"], names["journal"])} <= {"already"}
    assert "rolled_back" in set(names["journal"].phases(names["plan"]).values())
    assert [name for name in remediation.__all__ if not getattr(remediation, name).__doc__] == ["JudgeRole"]  # an alias


def test_a_journal_that_is_none_is_wrong_use(played: Aftermath, tmp_path: Path) -> None:
    """A file that is absent or no journal ends with code 2, and nothing passes for remediation."""
    (tmp_path / "other.json").write_text('{"a": 1}\n')
    for name in ("absent", "other.json"):
        assert played.run("--remediation-journal", str(tmp_path / name)) == 2
