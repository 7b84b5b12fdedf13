"""The counting of findings against labels, by cases made by hand: hits, near misses, and failures it must report."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.finding import ChainEdge, DeltaSummary, Evidence, EvidenceRole, Finding, Principal, Target
from pipeline.jobs.evaluate_numbers import Numbers, Share, cited_events, count_corpus
from pipeline.simulate import Edge, Label

ROLE = "arn:aws:iam::111122223333:role/path/app"
ACTOR = "arn:aws:sts::111122223333:assumed-role/Dev/ana"
USER = "arn:aws:iam::111122223333:user/ana"
NOON = datetime(2025, 3, 12, 12, tzinfo=UTC)
ABUSE = ("privilege_escalation", "unauthorized_access", "resource_misuse", "indeterminate")


def label(**changes: Any) -> Label:
    """An escalation: ana assumed Dev with key ASIA1, granted app by g1, used it by u1."""
    base = Label(
        scenario="own_role", family="escalation", instance="own_role-1", account_id="111122223333",
        expected_class="privilege_escalation", accepted_classes=ABUSE, is_quiet=False,
        grant_event_ids=("g1",), use_event_ids=("u1",), context_event_ids=(), side_event_ids=("u1",),
        lineage_event_ids=("a1", "g1", "u1"), entities=(USER, ACTOR, ROLE, "ASIA1"), key_owners={"ASIA1": ACTOR},
        root_principals=(USER,), target_arn=ROLE,
        chain=(
            Edge(USER, "ASIA1", "issued_key", "a1", ("a1", "a2")),
            Edge(ACTOR, ROLE, "grant", "g1"),
            Edge(ACTOR, "", "use", "u1"),
        ),
        true_edges=(), started_at="2025-03-12T12:00:00Z",
    )  # fmt: skip
    return replace(base, **changes)


def evidence(event_id: str, role: EvidenceRole = "grant") -> Evidence:
    """One cited event."""
    return Evidence(event_id, "111122223333", NOON, "PutRolePolicy", role, "file:///a.json.gz", 0)


def finding(finding_id: str = "f1", **changes: Any) -> Finding:
    """The right answer to ``label()``."""
    base = Finding(
        finding_id=finding_id, finding_class="privilege_escalation", status="confirmed", severity="high", score=80,
        title="ana granted app", summary="", principal=Principal(USER, "111122223333", ACTOR),
        target=Target(ROLE, "111122223333"), first_event_time=NOON, last_event_time=NOON,
        delta=DeltaSummary("T4", "known"), evidence=(evidence("g1"), evidence("u1", "use")),
        chain=(
            ChainEdge(USER, "ASIA1", "issued_key", 1.0, "a1"),
            ChainEdge(ACTOR, ROLE, "grant", 1.0, "g1"),
            ChainEdge("ASIA1", ROLE, "use", 1.0, "u1"),
        ),
    )  # fmt: skip
    return replace(base, **changes)


def count(labels: list[Label], findings: list[Finding], **more: Any) -> Numbers:
    """One corpus of ten days."""
    numbers = Numbers()
    count_corpus(numbers, labels, findings, days=10, name="seed 9", **more)
    return numbers


def test_the_right_answer_counts_everywhere() -> None:
    """Class, severity, root, chain and order are all right: every share is whole."""
    numbers = count([label()], [finding()])
    shares = [
        numbers.overall(numbers.strict), numbers.overall(numbers.loose), numbers.precision, numbers.roots,
        *numbers.per_day.values(),
    ]  # fmt: skip
    assert shares == [Share(1, 1)] * 7
    assert (numbers.edge_recall, numbers.edge_precision) == (Share(3, 3), Share(3, 3))
    assert numbers.confusion == {("privilege_escalation", "privilege_escalation"): 1}
    assert [items for items in numbers.details().values() if items] == []


@pytest.mark.parametrize(
    ("changes", "strict", "loose", "precise", "found"),
    [
        ({"finding_class": "indeterminate"}, 0, 1, Share(1, 1), "indeterminate"),
        ({"finding_class": "attempt"}, 0, 0, Share(0, 1), "attempt"),
        ({"severity": "low"}, 0, 0, Share(0, 0), "privilege_escalation"),
        ({"evidence": (evidence("g2"),)}, 0, 0, Share(0, 1), "nothing"),
        ({"evidence": (evidence("g1", "context"),)}, 0, 0, Share(0, 1), "nothing"),
    ],
    ids=["another class", "an attempt", "too quiet", "another event", "only as context"],
)
def test_near_misses_are_misses(changes: dict[str, Any], strict: int, loose: int, precise: Share, found: str) -> None:
    """A finding that differs in one thing from the right one is counted for what it is."""
    numbers = count([label()], [finding(**changes)])
    assert numbers.overall(numbers.strict) == Share(strict, 1)
    assert numbers.overall(numbers.loose) == Share(loose, 1)
    assert numbers.precision == precise
    assert numbers.confusion == {("privilege_escalation", found): 1}
    assert len(numbers.misses) == 1


def test_nothing_found_is_reported_as_such() -> None:
    """No finding at all: recall zero, precision of nothing, and the miss is named."""
    numbers = count([label()], [])
    assert numbers.overall(numbers.strict) == Share(0, 1)
    assert numbers.edge_recall == Share(0, 3)
    assert numbers.misses == ["seed 9 own_role-1: privilege_escalation expected, nothing found"]
    assert numbers.confusion == {("privilege_escalation", "nothing"): 1}


def test_a_finding_about_nothing_planted_is_a_false_alarm() -> None:
    """It lowers precision and is counted by day; a quiet one of low severity does not."""
    noise = finding("f2", evidence=(evidence("x9"),), title="noise")
    hush = finding("f3", evidence=(evidence("x8"),), severity="low")
    numbers = count([label()], [finding(), noise, hush])
    assert numbers.precision == Share(1, 2)
    assert numbers.false_alarms_per_day == 0.1
    assert numbers.false_alarms == ["seed 9 privilege_escalation high: noise"]


def test_an_attacks_other_acts_are_no_false_alarms() -> None:
    """A key made on the way may be a finding of its own: right, and no substitute for the grant."""
    numbers = count([label()], [finding(evidence=(evidence("u1"),))])
    assert numbers.precision == Share(1, 1)
    assert numbers.overall(numbers.loose) == Share(0, 1)


def test_context_is_left_out_of_precision() -> None:
    """A finding about a broad grant that the story needed is counted apart."""
    numbers = count([label(context_event_ids=("c1",))], [finding(), finding("f2", evidence=(evidence("c1"),))])
    assert numbers.precision == Share(1, 1)
    assert numbers.context_findings == 1


def test_quiet_instances_are_violated_from_medium_on() -> None:
    """A low finding about routine is no violation; a medium one is, and is a false alarm as well."""
    quiet = label(is_quiet=True, expected_class="", accepted_classes=())
    calm = count([quiet], [finding(severity="low", finding_class="indeterminate")])
    assert (calm.quiet_violations, calm.false_alarms, calm.quiet_count) == ([], [], 1)
    loud = count([quiet], [finding(severity="medium", finding_class="indeterminate")])
    assert loud.quiet_violations == ["seed 9 own_role-1: indeterminate medium"]
    assert loud.precision == Share(0, 1)
    assert loud.confusion == {("quiet", "indeterminate"): 1}


def test_only_the_best_of_each_day_are_read() -> None:
    """A finding behind another of its day is not read by who reads one; on another day it is."""
    better = finding("f0", score=95, evidence=(evidence("x1"),))
    behind = count([label()], [finding(), better])
    assert [behind.per_day[number].part for number in (1, 5, 20)] == [0, 1, 1]
    other_day = replace(better, first_event_time=NOON - timedelta(days=1))
    assert count([label()], [finding(), other_day]).per_day[1] == Share(1, 1)


def test_the_ceiling_knows_days_with_more_attacks_than_are_read() -> None:
    """Seven attacks of one day: who reads five can find five."""
    labels = [label(instance=f"own_role-{number}", grant_event_ids=(f"g{number}",)) for number in range(7)]
    numbers = count(labels, [])
    assert [numbers.ceilings[number] for number in (1, 5, 20)] == [Share(1, 7), Share(5, 7), Share(7, 7)]


@pytest.mark.parametrize(
    ("edge", "is_right"),
    [
        (ChainEdge(USER, "ASIA1", "issued_key", 1.0, "a2"), True),
        (ChainEdge(USER, ACTOR, "issued_key", 1.0, "a1"), True),
        (ChainEdge(USER, "ASIA9", "issued_key", 1.0, "a1"), False),
        (ChainEdge("arn:aws:iam::111122223333:user/bob", "ASIA1", "issued_key", 1.0, "a1"), False),
        (ChainEdge(USER, "ASIA1", "issued_key", 1.0, "a7"), False),
        (ChainEdge("arn:aws:iam::444455556666:user/ana", "ASIA1", "issued_key", 1.0, "a1"), False),
        (ChainEdge(USER, ACTOR, "assumed_role_id", 0.9, "a1"), True),
        (ChainEdge(USER, ACTOR, "temporal", 0.5, "a1"), False),
        (ChainEdge(ACTOR, "arn:aws:iam::111122223333:role/app", "grant", 1.0, "g1"), True),
        (ChainEdge(ACTOR, "arn:aws:iam::111122223333:role/other", "grant", 1.0, "g1"), False),
        (ChainEdge(ACTOR, ROLE, "grant", 1.0, "a1"), False),
        (ChainEdge(ACTOR, "secretsmanager:GetSecretValue", "use", 1.0, "u1"), True),
        (ChainEdge(ACTOR, ROLE, "use", 1.0, "a1"), False),
    ],
    ids=[
        "the copy's event", "the key's owner", "another key", "another user", "another event", "another account",
        "another true kind", "a guess", "without path", "another role", "not the grant", "the use", "not a use",
    ],
)  # fmt: skip
def test_edges_are_right_by_kind_event_and_both_ends(edge: ChainEdge, is_right: bool) -> None:
    """One wrong end, event or kind makes an edge wrong."""
    numbers = count([label()], [finding(chain=(edge,))])
    assert numbers.edge_precision == Share(int(is_right), 1)
    assert bool(numbers.wrong_edges) != is_right


def test_a_wrong_root_is_counted() -> None:
    """Naming somebody else as root is seen; naming the root's role instead of its session is right."""
    wrong = finding(principal=Principal("arn:aws:iam::111122223333:user/bob", "111122223333", ACTOR))
    assert count([label()], [wrong]).roots == Share(0, 1)
    by_role = label(root_principals=("arn:aws:iam::111122223333:role/aws-reserved/Dev",))
    assert count([by_role], [finding(principal=Principal(ACTOR, "", ACTOR))]).roots == Share(1, 1)


def test_cited_events_that_do_not_exist_are_listed() -> None:
    """A finding may only name events of the lake."""
    assert cited_events(finding()) == {"g1", "u1", "a1"}
    numbers = count([label()], [finding()], known_events=frozenset({"g1", "u1"}))
    assert numbers.unresolved == ["a1"]


@given(st.lists(st.tuples(st.sampled_from(["g1", "c1", "u1", "x1"]), st.sampled_from(["low", "medium", "high"]))))
def test_every_loud_finding_is_counted_once(drawn: list[tuple[str, Any]]) -> None:
    """Right, wrong and left aside add up to the findings at medium and above, whatever is found."""
    findings = [
        finding(f"f{number}", evidence=(evidence(event),), severity=severity)
        for number, (event, severity) in enumerate(drawn)
    ]
    numbers = count([label(context_event_ids=("c1",))], findings)
    loud = sum(severity != "low" for _, severity in drawn)
    assert numbers.precision.whole + numbers.context_findings == loud
    assert len(numbers.false_alarms) == numbers.precision.whole - numbers.precision.part
