from __future__ import annotations

import pytest

from pipeline.errors import PolicyError
from pipeline.policy.document import parse_document
from pipeline.policy.evaluator import Evaluator, load_evaluator
from pipeline.policy.knowledge import (
    parse_escalation_paths,
    parse_managed_policies,
    parse_sensitive_actions,
)

HEADER = "path_id,name,permissions,events,services,scope,technique,reference\n"
ROW = "x-001,a,iam:A;iam:B,A;B,iam,wide,T1098,https://x\n"


def test_lists_are_split() -> None:
    """Permissions, events and services are ';'-separated."""
    path = parse_escalation_paths(HEADER + ROW)[0]
    assert (path.permissions, path.events, path.services) == (("iam:A", "iam:B"), ("A", "B"), ("iam",))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("path_id,name\nx,y\n", "lacks the columns permissions"),
        (HEADER + ROW + ROW, "repeated"),
        (HEADER + ROW.replace("wide", "broad"), "scope 'broad'"),
        (HEADER + ROW.replace("iam:A;iam:B", ""), "row 2: permissions is empty"),
    ],
)
def test_malformed_paths_are_refused(text: str, said: str) -> None:
    """A row that would be misread is an error."""
    with pytest.raises(PolicyError, match=said):
        parse_escalation_paths(text)


def test_every_sensitive_action_is_in_the_catalogue(seeds: dict[str, str], evaluator: Evaluator) -> None:
    """A misspelt action would never count."""
    rows = parse_sensitive_actions(seeds["sensitive_actions"])
    assert [row.action for row in rows if evaluator.catalogue.spelling_of(row.action) != row.action] == []
    assert {row.kind for row in rows} == {"secret", "data", "authority"}


def test_every_managed_policy_can_be_read(seeds: dict[str, str]) -> None:
    """Each row is a document under AWS's own path and name."""
    policies = parse_managed_policies(seeds["aws_managed_policies"])
    assert {"/administratoraccess", "/iamfullaccess", "/poweruseraccess", "/readonlyaccess"} <= set(policies)
    assert "/service-role/awslambdabasicexecutionrole" in policies
    assert all(parse_document(policy.document).statements for policy in policies.values())


def test_a_missing_seed_is_named(seeds: dict[str, str]) -> None:
    """The evaluator does not start without what it needs."""
    with pytest.raises(PolicyError, match="sensitive_actions"):
        load_evaluator({name: text for name, text in seeds.items() if name != "sensitive_actions"})
