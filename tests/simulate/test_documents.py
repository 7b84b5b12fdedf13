"""Documents: narrow ones stay narrow, broad ones differ from one another."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from pipeline.simulate import documents
from pipeline.simulate.entropy import Entropy


@given(st.integers(0, 5_000))
def test_narrow_documents_have_no_star_actions_and_named_resources(seed: int) -> None:
    """No wildcard in an action, no secrets, no IAM; only descriptions on every resource."""
    for statement in documents.narrow_document(Entropy(seed), "111122223333")["Statement"]:
        actions = statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
        assert statement["Effect"] == "Allow"
        assert not any("*" in action or action.startswith(("iam:", "secretsmanager:", "sts:")) for action in actions)
        if statement["Resource"] == "*":
            assert all(action.split(":")[1].startswith("Describe") for action in actions)


def test_broad_documents_come_in_many_forms() -> None:
    """Administration is written several ways, and breadth is not only administration."""
    drawn = {json.dumps(documents.broad_document(Entropy(seed))) for seed in range(200)}
    admin = {json.dumps(documents.admin_document(Entropy(seed))) for seed in range(200)}
    assert len(admin) == 5
    assert len(drawn) == 10


@given(st.integers(0, 5_000))
def test_odd_case_is_the_same_name_written_otherwise(seed: int) -> None:
    """Never the plain lower-case form, always the same letters."""
    text = documents.odd_case(Entropy(seed), "iam:*")
    assert text.lower() == "iam:*"
    assert text != "iam:*"


def test_conditions_and_revocations() -> None:
    """A condition is added to a statement; a revocation only denies, by token age."""
    bound = documents.with_condition({"Effect": "Allow", "Action": "*", "Resource": "*"})
    assert bound["Condition"] == {"Bool": {"aws:MultiFactorAuthPresent": "true"}}
    (statement,) = documents.revoke_sessions("2025-03-03T12:00:00.000Z")["Statement"]
    assert statement == {
        "Effect": "Deny",
        "Action": ["*"],
        "Resource": ["*"],
        "Condition": {"DateLessThan": {"aws:TokenIssueTime": "2025-03-03T12:00:00.000Z"}},
    }
