from __future__ import annotations

import copy
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline import schema
from pipeline.policy.document import parse_document
from pipeline.policy.evaluator import Evaluator
from pipeline.policy.replay import ReplayResult, replay_writes
from tests.policy.documents import ACCOUNT, Log, allow, deny, document, trust

READ_BUCKET = document(allow("s3:GetObject", "arn:aws:s3:::app/*"))
WRITE_BUCKET = document(allow(["s3:GetObject", "s3:PutObject"], "arn:aws:s3:::app/*"))
ADMIN = document(allow("*"))
ADMIN_ARN = "arn:aws:iam::aws:policy/AdministratorAccess"
DENY_ARN = "arn:aws:iam::aws:policy/AWSDenyAll"
MINE = f"arn:aws:iam::{ACCOUNT}:policy/mine"
FRIEND = "arn:aws:iam::999999999999:root"


def replay(evaluator: Evaluator, log: Log, **more: Any) -> ReplayResult:
    """Replay a log."""
    return replay_writes(log.rows, evaluator=evaluator, **more)


def brief(result: ReplayResult) -> list[tuple[str, str, str, str]]:
    """Event, target, state and tier of each row."""
    return [(row["event_id"], row["target_name"] or "", row["state"], row["tier"]) for row in result]


def test_a_row_is_whole(evaluator: Evaluator) -> None:
    """Every column of a delta, for a policy that is overwritten with more."""
    log = Log()
    log.create_role()
    log.put(READ_BUCKET)
    log.put(WRITE_BUCKET)
    assert replay(evaluator, log).rows[2] == {
        "recipient_account_id": ACCOUNT,
        "event_id": "e3",
        "target_arn": f"arn:aws:iam::{ACCOUNT}:role/app",
        "target_kind": "role",
        "target_name": "app",
        "state": "known",
        "tier": "T1",
        "standing_tier": "T1",
        "before_document": parse_document(READ_BUCKET).canonical,
        "after_document": parse_document(WRITE_BUCKET).canonical,
        "document_sha256": parse_document(WRITE_BUCKET).sha256,
        "actions_added": ["s3:GetObject", "s3:PutObject"],
        "actions_added_count": 1,
        "resources_widened": [],
        "conditions_dropped": [],
        "denies_removed": [],
        "trust_added": [],
        "is_trust_change": False,
        "is_noop": False,
        "is_deny_only": False,
        "primitives": [],
        "flags": [],
    }
    table = pa.Table.from_pylist(list(replay(evaluator, log)), schema=schema.EXT_POLICY_DELTAS)
    table.validate(full=True)
    assert table.num_rows == 3


@pytest.mark.parametrize(
    "again",
    [WRITE_BUCKET, quote(WRITE_BUCKET), WRITE_BUCKET.replace("s3:Put", "S3:put"), WRITE_BUCKET.replace(",", ",\n ")],
)
def test_the_same_policy_put_again_is_nothing_new(evaluator: Evaluator, again: str) -> None:
    """In any encoding, case or layout, under any case of role and policy name."""
    log = Log()
    log.create_role()
    log.put(WRITE_BUCKET)
    log.put(again, role="APP", policy="P")
    row = replay(evaluator, log).rows[2]
    assert (row["state"], row["tier"], row["is_noop"], row["actions_added_count"]) == ("known", "T0", True, 0)


def test_a_slot_is_an_upper_bound_until_it_was_seen(evaluator: Evaluator) -> None:
    """The first sight of a policy of a role never seen created may overwrite the same; the second is known."""
    log = Log()
    log.put(ADMIN)
    log.put(READ_BUCKET)
    log.put(ADMIN)
    log.put(ADMIN, policy="q")
    assert brief(replay(evaluator, log)) == [
        ("e1", "app", "upper_bound", "T4"),
        ("e2", "app", "known", "T0"),
        ("e3", "app", "known", "T4"),
        ("e4", "app", "upper_bound", "T0"),
    ]


def test_a_deleted_policy_is_known_to_be_gone(evaluator: Evaluator) -> None:
    """Put after Delete grants anew; a Delete grants nothing, unless it takes a Deny away."""
    log = Log()
    log.create_role()
    log.put(ADMIN)
    log.put(document(deny("iam:*")), policy="guard")
    log.write("inline", "delete", "role", "app", policy_name="guard")
    log.write("inline", "delete", "role", "app", policy_name="p")
    log.put(READ_BUCKET)
    rows = replay(evaluator, log).rows
    assert [(row["tier"], row["is_deny_only"], row["denies_removed"]) for row in rows[1:]] == [
        ("T4", False, []),
        ("T0", True, []),
        ("T4", False, ["iam:*"]),
        ("T0", False, []),
        ("T0", False, []),
    ]
    assert rows[5]["actions_added_count"] == 1


def test_a_recreated_role_is_another_role(evaluator: Evaluator) -> None:
    """What the deleted role held is not held by its successor."""
    log = Log()
    log.create_role()
    log.put(ADMIN)
    log.write("lifecycle", "delete", "role", "app")
    log.create_role("App")
    log.put(ADMIN)
    rows = replay(evaluator, log).rows
    assert (rows[3]["standing_tier"], rows[4]["tier"], rows[4]["before_document"]) == ("T0", "T4", None)


@pytest.mark.parametrize("text", ["{oops", "", None])
def test_what_cannot_be_read_is_unknown(evaluator: Evaluator, text: str | None) -> None:
    """An unreadable or absent document counts as tier 3, and what follows it is an upper bound."""
    log = Log()
    log.create_role()
    log.put(text)
    log.put(READ_BUCKET)
    rows = replay(evaluator, log).rows
    assert brief(replay(evaluator, log))[1:] == [("e2", "app", "unknown", "T3"), ("e3", "app", "upper_bound", "T0")]
    assert rows[1]["flags"] == ["unparseable" if text else "no_document"]
    assert not rows[1]["is_noop"]


def test_omitted_parameters_make_every_role_of_the_account_unsure(evaluator: Evaluator) -> None:
    """The target is unknown; each role's slots are unsure until rewritten; users and other accounts are not touched."""
    log = Log()
    log.create_role()
    log.create_role("elsewhere", recipient_account_id="444455556666")
    log.put(READ_BUCKET)
    log.write("inline", "put", "role", None, is_request_omitted=True)
    log.put(READ_BUCKET)
    log.put(READ_BUCKET)
    log.put(READ_BUCKET, role="elsewhere", recipient_account_id="444455556666")
    result = replay(evaluator, log)
    assert brief(result)[3:] == [
        ("e4", "", "unknown", "T3"),
        ("e5", "app", "upper_bound", "T0"),
        ("e6", "app", "known", "T0"),
        ("e7", "elsewhere", "known", "T0"),
    ]
    row = result.rows[3]
    assert (row["target_arn"], row["target_kind"], row["flags"]) == ("", "unknown", ["omitted"])


def test_after_omitted_parameters_the_last_seen_state_still_counts_as_possible(evaluator: Evaluator) -> None:
    """A Deny that was seen before the omission is removed after it: said, with the tier of what became reachable."""
    log = Log()
    log.create_role()
    log.write("managed", "attach", "role", "app", policy_arn=ADMIN_ARN)
    log.put(document(deny("*")))
    log.write("inline", "put", "role", None, is_request_omitted=True)
    log.put(READ_BUCKET)
    row = replay(evaluator, log).rows[4]
    assert (row["state"], row["tier"], row["denies_removed"]) == ("upper_bound", "T4", ["*"])


@pytest.mark.parametrize("kind", ["inline", "managed", "trust", "lifecycle", "boundary"])
def test_a_failed_call_changes_nothing_and_says_what_it_tried(evaluator: Evaluator, kind: str) -> None:
    """The attempt has its row; the next one is judged as if the first had never been."""
    log = Log()
    log.create_role()
    log.put(READ_BUCKET)
    more: dict[str, Any] = {"policy_document": trust(FRIEND) if kind == "trust" else ADMIN, "policy_name": "p"}
    verb = {"managed": "attach", "trust": "update", "lifecycle": "delete"}.get(kind, "put")
    more |= {"policy_arn": ADMIN_ARN, "permissions_boundary_arn": DENY_ARN, "is_success": False, "is_denied": True}
    log.write(kind, verb, "role", "app", **more)
    log.put(READ_BUCKET)
    rows = replay(evaluator, log).rows
    assert rows[2]["tier"] == {"inline": "T4", "managed": "T4"}.get(kind, "T0")
    assert (rows[3]["state"], rows[3]["tier"], rows[3]["is_noop"], rows[3]["standing_tier"]) == (
        "known",
        "T0",
        True,
        "T0",
    )


def test_a_boundary_holds_back_until_it_is_removed(evaluator: Evaluator) -> None:
    """AdministratorAccess under a deny-all boundary is T0; removing the boundary is what grants."""
    log = Log()
    log.create_role(permissions_boundary_arn=DENY_ARN)
    log.attach(ADMIN_ARN)
    log.write("boundary", "delete", "role", "app")
    log.write("boundary", "put", "role", "app", permissions_boundary_arn=DENY_ARN)
    rows = replay(evaluator, log).rows
    assert [(row["tier"], row["standing_tier"], row["state"]) for row in rows[1:]] == [
        ("T0", "T0", "known"),
        ("T4", "T4", "known"),
        ("T0", "T0", "known"),
    ]
    assert "pt-boundary-001" in rows[2]["primitives"]


def test_an_unknown_boundary_that_goes_is_an_upper_bound(evaluator: Evaluator) -> None:
    """Of a role never seen created: what it is known to hold may all be new, and more may be hidden."""
    log = Log()
    log.put(ADMIN)
    log.write("boundary", "delete", "role", "app")
    assert brief(replay(evaluator, log))[1] == ("e2", "app", "unknown", "T4")


def test_widened_trust_has_the_tier_of_what_the_role_may_do(evaluator: Evaluator) -> None:
    """T3 at least where that is not wholly known; narrowing trust is nothing."""
    log = Log()
    log.create_role()
    log.put(document(allow("s3:*")))
    log.write("trust", "update", "role", "app", policy_document=trust(FRIEND))
    log.write("trust", "update", "role", "app", policy_document=trust(FRIEND, Condition={"Bool": {"aws:x": "true"}}))
    log.write("trust", "update", "role", "other", policy_document=trust(FRIEND))
    rows = replay(evaluator, log).rows
    assert [(row["tier"], row["state"], row["trust_added"], row["is_noop"]) for row in rows[2:]] == [
        ("T2", "known", [FRIEND], False),
        ("T0", "known", [], True),
        ("T3", "upper_bound", [FRIEND], False),
    ]
    assert all(row["is_trust_change"] for row in rows[2:])


def test_a_new_role_grants_nothing_but_names_whom_it_trusts(evaluator: Evaluator) -> None:
    """CreateRole: T0, the trusted principals listed."""
    log = Log()
    log.create_role(text=trust(FRIEND))
    row = replay(evaluator, log).rows[0]
    assert (row["tier"], row["state"], row["trust_added"], row["is_trust_change"]) == ("T0", "known", [FRIEND], True)


def test_a_policy_version_grants_once_it_is_the_default(evaluator: Evaluator) -> None:
    """Created aside it grants nothing; made the default it grants to every principal that has the policy."""
    log = Log()
    log.create_role()
    log.create_role("other")
    base = {"policy_arn": MINE, "event_name": "CreatePolicy", "policy_version_id": "v1"}
    log.write("version", "create", "policy", "mine", **base, policy_document=READ_BUCKET)
    log.attach(MINE)
    log.attach(MINE, role="other")
    version = {"policy_arn": MINE, "policy_version_id": "v2"}
    log.write("version", "create", "policy", "mine", **version, policy_document=ADMIN, is_set_as_default=False)
    log.write("version", "set_default", "policy", "mine", **version)
    log.write("version", "set_default", "policy", "mine", policy_arn=MINE, policy_version_id="v9")
    result = replay(evaluator, log)
    assert brief(result)[2:] == [
        ("e3", "mine", "known", "T0"),
        ("e4", "app", "known", "T0"),
        ("e5", "other", "known", "T0"),
        ("e6", "mine", "known", "T0"),
        ("e7", "app", "known", "T4"),
        ("e7", "other", "known", "T4"),
        ("e8", "app", "unknown", "T3"),
        ("e8", "other", "unknown", "T3"),
    ]
    assert [row["flags"] for row in result.rows[2:6:3]] == [["unattached"], ["not_default"]]


def test_a_managed_policy_never_seen_is_unknown(evaluator: Evaluator) -> None:
    """Attached: unknown, T3. Its new default version: an upper bound, judged as if somebody had it."""
    log = Log()
    log.create_role()
    log.attach(MINE)
    more = {"policy_arn": MINE, "policy_version_id": "v2", "is_set_as_default": True, "policy_document": ADMIN}
    log.write("version", "create", "policy", "mine", **more)
    log.write("version", "create", "policy", "yours", **{**more, "policy_arn": MINE.replace("mine", "yours")})
    result = replay(evaluator, log)
    assert brief(result)[1:] == [
        ("e2", "app", "unknown", "T3"),
        ("e3", "app", "upper_bound", "T4"),
        ("e4", "yours", "upper_bound", "T4"),
    ]
    assert result.rows[3]["target_kind"] == "policy"


def test_a_groups_policy_is_its_members(evaluator: Evaluator) -> None:
    """One row for the group, one for each known member; joining a group gives what it has; leaving takes it."""
    log = Log()
    for kind, name in (("group", "ops"), ("user", "bob"), ("user", "eve")):
        log.write("lifecycle", "create", kind, name)
    log.write("membership", "add", "user", "bob", group_name="Ops")
    log.write("inline", "put", "group", "ops", policy_name="p", policy_document=ADMIN, group_name="ops")
    log.write("membership", "add", "user", "eve", group_name="ops")
    log.write("membership", "remove", "user", "bob", group_name="ops")
    log.write("inline", "put", "group", "ops", policy_name="q", policy_document=ADMIN, group_name="ops")
    log.write("membership", "add", "user", "bob", group_name="unseen")
    result = replay(evaluator, log)
    assert [(row["event_id"], row["target_kind"], row["target_name"], row["state"], row["tier"]) for row in result][
        3:
    ] == [
        ("e4", "user", "bob", "known", "T0"),
        ("e5", "group", "ops", "known", "T4"),
        ("e5", "user", "bob", "known", "T4"),
        ("e6", "user", "eve", "known", "T4"),
        ("e7", "user", "bob", "known", "T0"),
        ("e8", "group", "ops", "known", "T0"),
        ("e8", "user", "eve", "known", "T0"),
        ("e9", "user", "bob", "unknown", "T3"),
    ]


def test_a_credential_gives_what_its_user_may_do(evaluator: Evaluator) -> None:
    """A key for a known user has that user's tier; for an unknown one T3; taking a key away gives nothing."""
    log = Log()
    log.write("lifecycle", "create", "user", "bob")
    log.write("managed", "attach", "user", "bob", policy_arn="arn:aws:iam::aws:policy/ReadOnlyAccess")
    log.write("credential", "create", "user", "bob")
    log.write("credential", "delete", "user", "bob")
    log.write("credential", "create", "user", "eve")
    assert brief(replay(evaluator, log))[2:] == [
        ("e3", "bob", "known", "T2"),
        ("e4", "bob", "known", "T0"),
        ("e5", "eve", "unknown", "T3"),
    ]


def test_a_permission_set_is_judged_like_a_role(evaluator: Evaluator) -> None:
    """Inline and attached policies of Identity Center; provisioning adds nothing by itself."""
    log = Log()
    name = "arn:aws:sso:::permissionSet/ssoins-1/ps-1"
    more = {"target_arn": name}
    log.write("permission_set", "put", "permission_set", name, policy_document=ADMIN, **more)
    log.write("permission_set", "attach", "permission_set", name, policy_arn=ADMIN_ARN, **more)
    log.write("permission_set", "update", "permission_set", name, **more)
    result = replay(evaluator, log)
    assert [(row["target_kind"], row["target_arn"], row["state"], row["tier"]) for row in result] == [
        ("permission_set", name, "upper_bound", "T4"),
        ("permission_set", name, "upper_bound", "T0"),
        ("permission_set", name, "known", "T0"),
    ]


def test_a_target_without_an_arn_gets_one_of_its_partition(evaluator: Evaluator) -> None:
    """In China the ARN says so; a nameless target has none."""
    log = Log()
    actor = f"arn:aws-cn:iam::{ACCOUNT}:user/actor"
    log.put(ADMIN, target_arn="", principal_arn=actor)
    log.put(ADMIN, target_arn="", role="", principal_arn=actor)
    rows = replay(evaluator, log).rows
    assert [(row["target_arn"], row["target_kind"]) for row in rows] == [
        (f"arn:aws-cn:iam::{ACCOUNT}:role/app", "role"),
        ("", "unknown"),
    ]


def test_a_right_on_ones_own_role_is_an_escalation(evaluator: Evaluator) -> None:
    """PutRolePolicy on the role's own ARN is T3 for that role, T1 for another."""
    log = Log()
    own = document(allow("iam:PutRolePolicy", f"arn:aws:iam::{ACCOUNT}:role/app"))
    log.put(own)
    log.put(own, role="other")
    rows = replay(evaluator, log).rows
    assert [(row["tier"], row["primitives"]) for row in rows] == [("T3", ["iam-005"]), ("T1", [])]


def test_hostile_text_fits_a_column(evaluator: Evaluator) -> None:
    """Lone surrogates and control characters in actions, names and documents do not break the table."""
    log = Log()
    log.put('{"Statement":{"Effect":"Allow","Action":"s3:\\ud800\\u0000*","Resource":"\\udfff"}}', policy="\x00")
    table = pa.Table.from_pylist(list(replay(evaluator, log)), schema=schema.EXT_POLICY_DELTAS)
    assert table.column("actions_added").to_pylist() == [["s3:\\ud800\x00*"]]


def test_an_unknown_kind_of_write_is_unknown(evaluator: Evaluator) -> None:
    """A row that this room does not know is never taken for nothing."""
    log = Log()
    log.write("novelty", "put", "role", "app")
    assert brief(replay(evaluator, log)) == [("e1", "app", "unknown", "T3")]


WRITES = st.lists(
    st.tuples(
        st.sampled_from(["put", "delete", "attach", "detach", "create", "drop", "omit"]),
        st.sampled_from(["a", "A", "b"]),
        st.sampled_from([READ_BUCKET, ADMIN, "{oops"]),
        st.booleans(),
    ),
    max_size=12,
)


@settings(deadline=None)
@given(steps=WRITES)
def test_every_write_has_a_row_and_failures_leave_no_trace(
    evaluator: Evaluator, steps: list[tuple[str, str, str, bool]]
) -> None:
    """Any sequence: one row a write; dropping the failed ones changes no other row; the input is not touched."""
    log = Log()
    for verb, name, text, works in steps:
        if verb in ("put", "delete"):
            log.write("inline", verb, "role", name, policy_name="p", policy_document=text, is_success=works)
        elif verb in ("attach", "detach"):
            log.write("managed", verb, "role", name, policy_arn=ADMIN_ARN, is_success=works)
        elif verb == "omit":
            log.write("inline", "put", "role", None, is_request_omitted=True, is_success=works)
        else:
            kind = "create" if verb == "create" else "delete"
            log.write("lifecycle", kind, "role", name, policy_document=trust(FRIEND), is_success=works)
    untouched = copy.deepcopy(log.rows)
    rows = replay(evaluator, log).rows
    assert [row["event_id"] for row in rows] == [row["event_id"] for row in log.rows]
    assert log.rows == untouched
    works = {row["event_id"] for row in log.rows if row["is_success"]}
    log.rows = [row for row in log.rows if row["is_success"]]
    assert [row for row in rows if row["event_id"] in works] == replay(evaluator, log).rows


def test_a_snapshot_taken_later_counts_from_then_on(evaluator: Evaluator) -> None:
    """Writes before it are judged without it, writes after it with it."""
    log = Log()
    times = [datetime(2024, 1, day, tzinfo=UTC) for day in (1, 2, 3)]
    log.put(READ_BUCKET, event_time=times[0])
    log.put(READ_BUCKET, policy="q", event_time=times[2])
    snapshot = {
        "RoleDetailList": [
            {
                "Arn": f"arn:aws:iam::{ACCOUNT}:role/app",
                "RoleName": "app",
                "RolePolicyList": [{"PolicyName": "q", "PolicyDocument": quote(READ_BUCKET)}],
            }
        ]
    }
    rows = replay(evaluator, log, snapshot=snapshot, snapshot_at=times[1]).rows
    assert [(row["state"], row["before_document"] is None) for row in rows] == [("upper_bound", True), ("known", False)]
