from __future__ import annotations

import pytest

from pipeline.policy.evaluator import Evaluator
from pipeline.policy.knowledge import EscalationPath, parse_escalation_paths
from pipeline.policy.permissions import evaluate_document
from tests.policy.conftest import SEED_FOLDER
from tests.policy.documents import allow, deny

PATHS = parse_escalation_paths((SEED_FOLDER / "escalation_paths.csv").read_text(encoding="utf-8"))
ROLE = "arn:aws:iam::111122223333:role/app"
DESIGN = {
    "iam-001": {"iam:CreatePolicyVersion"},
    "pt-iam-001": {"iam:SetDefaultPolicyVersion"},
    "iam-002": {"iam:CreateAccessKey"},
    "iam-003": {"iam:DeleteAccessKey", "iam:CreateAccessKey"},
    "iam-004": {"iam:CreateLoginProfile"},
    "iam-005": {"iam:PutRolePolicy"},
    "iam-006": {"iam:UpdateLoginProfile"},
    "iam-007": {"iam:PutUserPolicy"},
    "iam-008": {"iam:AttachUserPolicy"},
    "iam-009": {"iam:AttachRolePolicy"},
    "iam-010": {"iam:AttachGroupPolicy"},
    "iam-011": {"iam:PutGroupPolicy"},
    "iam-012": {"iam:UpdateAssumeRolePolicy"},
    "iam-013": {"iam:AddUserToGroup"},
    "iam-014": {"iam:AttachRolePolicy", "sts:AssumeRole"},
    "iam-015": {"iam:AttachUserPolicy", "iam:CreateAccessKey"},
    "iam-017": {"iam:PutRolePolicy", "sts:AssumeRole"},
    "iam-018": {"iam:PutUserPolicy", "iam:CreateAccessKey"},
    "iam-021": {"iam:PutRolePolicy", "iam:UpdateAssumeRolePolicy"},
    "pt-boundary-001": {"iam:DeleteRolePermissionsBoundary"},
}
CONSUMERS = (
    "lambda:CreateFunction lambda:UpdateFunctionCode lambda:UpdateFunctionConfiguration ec2:RunInstances "
    "ec2:ModifyInstanceAttribute ecs:RegisterTaskDefinition ecs:RunTask cloudformation:CreateStack "
    "cloudformation:UpdateStack cloudformation:CreateChangeSet codebuild:CreateProject codebuild:StartBuild "
    "glue:CreateJob glue:CreateDevEndpoint sagemaker:CreateNotebookInstance ssm:SendCommand ssm:StartSession"
)


def completed(evaluator: Evaluator, *items: dict[str, object], arn: str | None = None) -> set[str]:
    """Ids of the paths that a document completes."""
    permissions = evaluate_document({"Statement": list(items)})
    return {path.path_id for path in evaluator.judge.completed_paths(permissions, arn)}


def test_the_paths_of_the_design_are_there() -> None:
    """Every path and consumer that the design lists has a row, keyed on the permission names."""
    by_id = {path.path_id: set(path.permissions) for path in PATHS}
    assert {path_id: by_id.get(path_id) for path_id in DESIGN} == DESIGN
    assert set(CONSUMERS.split()) <= {name for path in PATHS for name in path.permissions}


def test_every_permission_is_in_the_catalogue_and_every_row_has_a_reference(evaluator: Evaluator) -> None:
    """A misspelt permission would make a path that nothing completes."""
    names = {name for path in PATHS for name in path.permissions}
    assert {name for name in names if evaluator.catalogue.spelling_of(name) != name} == set()
    assert all(path.reference.startswith("https://") and path.technique.startswith("T1") for path in PATHS)
    assert all(path.events and path.services for path in PATHS)


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.path_id)
def test_each_path_is_hit_and_nearly_missed(evaluator: Evaluator, path: EscalationPath) -> None:
    """All its permissions on ``*`` complete it (tier 3 or more); without any one of them, or with that one denied,
    they do not."""
    whole = [allow(list(path.permissions))]
    assert path.path_id in completed(evaluator, *whole)
    assert evaluator.judge.standing(evaluate_document({"Statement": whole})) >= "T3"
    for left_out in path.permissions:
        rest = [name for name in path.permissions if name != left_out] or ["s3:ListAllMyBuckets"]
        assert path.path_id not in completed(evaluator, allow(rest))
        assert path.path_id not in completed(evaluator, *whole, deny(left_out))


@pytest.mark.parametrize("path", [path for path in PATHS if path.scope == "self"], ids=lambda path: path.path_id)
def test_a_path_on_oneself_needs_ones_own_name(evaluator: Evaluator, path: EscalationPath) -> None:
    """On the principal's own ARN the path is complete; on another's it is not."""
    kind = "policy" if "PolicyVersion" in path.permissions[0] else "user" if "User" in path.permissions[0] else "role"
    kind = "group" if "Group" in path.permissions[0] else kind
    own = f"arn:aws:iam::111122223333:{kind}/app"
    assert path.path_id in completed(evaluator, allow(path.permissions[0], own), arn=own)
    assert path.path_id not in completed(evaluator, allow(path.permissions[0], own), arn=own + "2")


@pytest.mark.parametrize("path", [path for path in PATHS if path.scope == "same_target"], ids=lambda path: path.path_id)
def test_a_path_over_another_needs_one_target_for_all_steps(evaluator: Evaluator, path: EscalationPath) -> None:
    """Two rights over one named principal complete it; the same rights over two principals do not."""
    first, second = path.permissions
    kind = "user" if "AccessKey" in second else "role"
    one, other = f"arn:aws:iam::111122223333:{kind}/a", f"arn:aws:iam::111122223333:{kind}/b"
    assert path.path_id in completed(evaluator, allow(first, one), allow(second, one))
    assert path.path_id in completed(evaluator, allow(first, one), allow(second, f"arn:aws:iam::*:{kind}/*"))
    assert path.path_id not in completed(evaluator, allow(first, one), allow(second, other))


def test_a_role_passed_by_name_is_no_path(evaluator: Evaluator) -> None:
    """A deployment that may pass its one role completes nothing; the same with any role does."""
    create = allow(["lambda:CreateFunction", "lambda:InvokeFunction"])
    assert completed(evaluator, create, allow("iam:PassRole", ROLE)) == set()
    assert completed(evaluator, create, allow("iam:PassRole", "arn:aws:iam::*:role/*")) == {"lambda-001"}
