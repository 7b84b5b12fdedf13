"""What every scenario must keep: true shapes, a fair past, no giveaway."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import pytest

from pipeline.simulate import SCENARIOS, Label
from pipeline.simulate.stage import ABUSE_CLASSES
from tests.simulate.conftest import Made, make

_WRITES = {
    "PutRolePolicy", "PutUserPolicy", "AttachRolePolicy", "DeleteRolePolicy", "UpdateAssumeRolePolicy",
    "CreatePolicyVersion", "SetDefaultPolicyVersion", "CreateServiceLinkedRole",
}  # fmt: skip
_OPEN_SCENARIOS = {"stolen_key", "rotating_console"}


def _labels(made: Made) -> list[Label]:
    return made.corpus.labels


def test_every_scenario_of_the_design_is_there(full: Made) -> None:
    """Ten escalations, five unauthorized, four misuses, five evasions, eight quiet ones, each instance labelled."""
    assert len(SCENARIOS) == 32
    assert Counter(label.family for label in _labels(full)) == {
        "escalation": 20, "unauthorized": 10, "misuse": 8, "evasion": 10, "quiet": 16,
    }  # fmt: skip
    assert len({label.instance for label in _labels(full)}) == 64


def test_labels_name_events_that_exist_and_are_permission_changes(full: Made) -> None:
    """Grants, uses, context and chain all cite delivered events; what is granted succeeds, but for denied puts."""
    for label in _labels(full):
        assert label.grant_event_ids, label.instance
        for event_id in label.grant_event_ids:
            record = full.by_id[event_id]
            assert record["eventName"] in _WRITES
            assert ("errorCode" in record) == (label.scenario == "denied_put")
        cited = {*label.use_event_ids, *label.context_event_ids, *(edge.event_id for edge in label.chain)}
        assert cited <= full.by_id.keys(), label.instance


def test_successful_writes_answer_null_and_denials_hide_their_parameters(full: Made) -> None:
    """Put, Attach, Delete and trust changes answer null on success; a denial has no parameters, only a message."""
    for _, record in full.records:
        if record["eventName"] in _WRITES - {"CreatePolicyVersion", "CreateServiceLinkedRole"}:
            assert record["responseElements"] is None
        if record.get("errorCode") == "AccessDenied":
            assert record["requestParameters"] is None
            assert "is not authorized to perform" in record["errorMessage"]
    put = next(full.by_id[label.grant_event_ids[0]] for label in _labels(full) if label.scenario == "denied_put")
    assert " on resource: role " in put["errorMessage"]


def test_uses_follow_their_grant_and_no_one_used_them_before(full: Made) -> None:
    """A use is a successful call after the grant, of an action that this principal's past does not hold."""
    before: dict[str, set[str]] = {}
    for _, record in sorted(full.records, key=lambda pair: pair[1]["eventTime"]):
        if "errorCode" not in record:
            before.setdefault(record["userIdentity"].get("arn", ""), set()).add(record["eventName"])
    for label in _labels(full):
        granted = min(full.by_id[event_id]["eventTime"] for event_id in label.grant_event_ids)
        for event_id in label.use_event_ids:
            record = full.by_id[event_id]
            assert record["eventTime"] > granted
            assert "errorCode" not in record
            earlier = [
                other
                for _, other in full.records
                if other["eventName"] == record["eventName"]
                and other["userIdentity"].get("arn") == record["userIdentity"]["arn"]
                and other["eventTime"] < granted
                and "errorCode" not in other
            ]
            assert earlier == [], f"{label.instance}: {record['eventName']} was ordinary"
        if label.family in ("escalation", "evasion"):
            assert label.use_event_ids


def test_actors_have_a_past_of_a_week_and_twenty_events(full: Made) -> None:
    """Nobody is conspicuous by being new: at least 20 events on at least four days before the grant."""
    for label in _labels(full):
        granted = min(full.by_id[event_id]["eventTime"] for event_id in label.grant_event_ids)
        own = set(label.lineage_event_ids)
        past = [full.by_id[event_id]["eventTime"] for event_id in own if full.by_id[event_id]["eventTime"] < granted]
        assert len(past) >= 20, label.instance
        assert len({time[:10] for time in past}) >= 4, label.instance


@pytest.mark.parametrize("family", ["misuse"])
def test_administrators_granted_narrowly_on_several_earlier_days(full: Made, family: str) -> None:
    """Whoever misuses an authority has shown it: five or more earlier writes on two or more days."""
    for label in _labels(full):
        if label.family != family:
            continue
        first = full.by_id[label.grant_event_ids[0]]
        who = _issuer(first)
        writes = [
            record["eventTime"]
            for _, record in full.records
            if record["eventName"] == "PutRolePolicy"
            and record["userIdentity"].get("sessionContext", {}).get("sessionIssuer", record["userIdentity"]).get("arn")
            == who
            and record["eventTime"] < first["eventTime"]
        ]
        assert len(writes) >= 5, label.instance
        assert len({time[:10] for time in writes}) >= 2, label.instance


def test_tools_and_networks_give_nobody_away(full: Made) -> None:
    """User agents of grants are used in quiet ones too; only a scenario about a new network has a new network."""
    agents: dict[bool, set[str]] = {True: set(), False: set()}
    seen = Counter(_network(record) for _, record in full.records)
    for label in _labels(full):
        for event_id in label.grant_event_ids:
            record = full.by_id[event_id]
            agents[label.is_quiet].add(_family(record["userAgent"]))
            if label.scenario not in _OPEN_SCENARIOS:
                assert seen[_network(record)] > 5, label.instance
    others = {_family(record["userAgent"]) for _, record in full.records}
    assert agents[False] <= others
    assert agents[True] & agents[False]


def test_cross_account_calls_leave_a_copy_in_each_account(full: Made) -> None:
    """One sharedEventID, two eventIDs, two recipients; the callee's copy names the caller's account only."""
    label = next(label for label in _labels(full) if label.scenario == "cross_account")
    edge = next(edge for edge in label.chain if len(edge.copies) == 2)
    near, far = (full.by_id[event_id] for event_id in edge.copies)
    assert near["sharedEventID"] == far["sharedEventID"]
    assert near["eventID"] != far["eventID"]
    assert near["recipientAccountId"] != far["recipientAccountId"] == label.account_id
    assert far["userIdentity"]["type"] == "AWSAccount"
    assert near["responseElements"] == far["responseElements"]


def test_padding_hides_names_and_documents(full: Made) -> None:
    """A padded policy leaves only its size; the label knows no target."""
    label = next(label for label in _labels(full) if label.scenario == "padded_policy")
    request = full.by_id[label.grant_event_ids[0]]["requestParameters"]
    assert request.keys() == {"omitted", "originalSize", "reason"}
    assert request["originalSize"] > 100 * 1024
    assert label.target_arn == ""


def test_console_keys_rotate_within_one_session(full: Made) -> None:
    """The session's creation time stays while its keys change."""
    label = next(label for label in _labels(full) if label.scenario == "rotating_console")
    user = full.by_id[label.grant_event_ids[0]]["userIdentity"]
    created = user["sessionContext"]["attributes"]
    keys = {
        record["userIdentity"]["accessKeyId"]
        for _, record in full.records
        if record["userIdentity"].get("arn") == user["arn"]
        and record["userIdentity"].get("sessionContext", {}).get("attributes") == created
    }
    assert len(keys) >= 3
    assert created["mfaAuthenticated"] == "false"


def test_a_recreated_role_has_another_id(full: Made) -> None:
    """Deleted and made again under its name: the grant is on the second one."""
    label = next(label for label in _labels(full) if label.scenario == "recreated_role")
    name = full.by_id[label.grant_event_ids[0]]["requestParameters"]["roleName"]
    made = [
        record["responseElements"]["role"]["roleId"]
        for _, record in full.records
        if record["eventName"] == "CreateRole" and record["requestParameters"]["roleName"] == name
    ]
    assert len(set(made)) == 2


def test_an_identical_put_writes_the_same_document_again(full: Made) -> None:
    """Only the tool's layout of the text may differ."""
    label = next(label for label in _labels(full) if label.scenario == "identical_put")

    def written(event_id: str) -> tuple[str, Any]:
        request = full.by_id[event_id]["requestParameters"]
        return request["roleName"], json.loads(request["policyDocument"])

    assert written(label.context_event_ids[0]) == written(label.grant_event_ids[0])


def test_a_duplicate_is_delivered_in_two_archives(full: Made) -> None:
    """The labelled grant arrives twice, unchanged, in different files."""
    label = next(label for label in _labels(full) if label.scenario == "duplicate_delivery")
    copies = [(item.key, record) for item, record in full.records if record["eventID"] == label.grant_event_ids[0]]
    assert len({key for key, _ in copies}) >= 2
    assert all(record == copies[0][1] for _, record in copies)


def test_expected_classes_follow_the_family(full: Made) -> None:
    """Escalation and evasion expect escalation; quiet ones expect nothing, or an attempt where denied."""
    wanted = {
        "escalation": "privilege_escalation", "evasion": "privilege_escalation", "unauthorized": "unauthorized_access",
        "misuse": "resource_misuse",
    }  # fmt: skip
    for label in _labels(full):
        if label.is_quiet:
            assert label.expected_class == ("attempt" if label.scenario == "denied_put" else "")
        else:
            assert label.expected_class == wanted[label.family]
            assert label.accepted_classes == ABUSE_CLASSES


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(200, 220))
def test_scenarios_hold_over_many_seeds(seed: int) -> None:
    """The promises above hold whatever is drawn."""
    made = make(seed=seed, instances=2)
    test_labels_name_events_that_exist_and_are_permission_changes(made)
    test_uses_follow_their_grant_and_no_one_used_them_before(made)
    test_actors_have_a_past_of_a_week_and_twenty_events(made)
    test_tools_and_networks_give_nobody_away(made)


def _issuer(record: dict[str, Any]) -> str | None:
    identity = record["userIdentity"]
    arn: str | None = identity.get("sessionContext", {}).get("sessionIssuer", identity).get("arn")
    return arn


def _network(record: dict[str, Any]) -> str:
    address: str = record["sourceIPAddress"]
    return address.rsplit(".", 1)[0] if address[0].isdigit() else address


def _family(agent: str) -> str:
    return agent.split("/")[0].split(" ")[0]
