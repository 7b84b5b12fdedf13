"""A card says what the finding holds, and no more."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pipeline.finding import DeltaSummary
from pipeline.report.finding_view import MAX_EVIDENCE, StepView, anchor_finding, describe_outcome, view_finding
from tests.hostile_values import HOSTILE
from tests.report.samples import make_attempt, make_evidence, make_finding, make_misuse, make_steps

KNOWN = DeltaSummary("T2", "known")


def test_what_came_of_a_grant_is_counted_from_the_evidence() -> None:
    """Denials, assumptions and uses are named with their numbers, and how soon the first use came."""
    finding = make_finding()
    assert describe_outcome(finding.evidence, finding.delta) == (
        "1 call was denied: GetSecretValue.",
        "2 assumptions of a role on the way: AssumeRole \u00d7 2.",
        "The grant was used in 3 calls: GetSecretValue \u00d7 2, ListSecrets, first 5 minutes after the grant.",
    )


def test_a_grant_without_use_says_so() -> None:
    """Not having seen a use is a statement about what was read."""
    misuse = make_misuse()
    assert describe_outcome(misuse.evidence, misuse.delta) == (
        "No use of the new permission is among the events that were read.",
    )


def test_an_attempt_granted_nothing() -> None:
    """A denied put is no grant."""
    attempt = make_attempt()
    assert describe_outcome(attempt.evidence, attempt.delta) == (
        "1 call was denied: PutRolePolicy.",
        "No grant succeeded.",
    )


def test_a_hidden_document_is_said() -> None:
    """Where the record omits the policy, the card does."""
    evidence = [make_evidence("grant", "PutRolePolicy", 1)]
    assert describe_outcome(evidence, DeltaSummary("T3", "unknown"))[-1] == "The record does not say what was written."


@pytest.mark.parametrize(
    ("minute", "words"),
    [(1, "60 seconds"), (3, "3 minutes"), (119, "119 minutes"), (600, "10 hours"), (5000, "3 days")],
)
def test_the_time_to_the_first_use_is_in_plain_units(minute: int, words: str) -> None:
    """Two of a unit are needed before it is used."""
    evidence = [make_evidence("grant", "PutRolePolicy", 0), make_evidence("use", "GetObject", minute)]
    assert describe_outcome(evidence, KNOWN) == (
        f"The grant was used in 1 call: GetObject, first {words} after the grant.",
    )


def test_many_kinds_of_call_are_counted() -> None:
    """Six kinds are named, the most frequent first, the rest counted."""
    uses = [make_evidence("use", f"Call{index}", 10 + index) for index in range(9)] + [
        make_evidence("use", "Call8", 30)
    ]
    sentence = describe_outcome([make_evidence("grant", "PutRolePolicy", 0), *uses], KNOWN)[0]
    assert sentence.startswith(
        "The grant was used in 10 calls: Call8 \u00d7 2, Call0, Call1, Call2, Call3, Call4 and 3 more"
    )


@pytest.mark.parametrize("name", sorted(HOSTILE))
def test_an_anchor_is_a_plain_word(name: str) -> None:
    """A finding id that is no plain word becomes a number: nothing of a log stands in a link."""
    anchor = anchor_finding(make_finding(finding_id=HOSTILE[name]), 7)
    assert anchor == "finding-no-7" or anchor == f"finding-{HOSTILE[name]}"
    assert anchor.replace("-", "").replace("_", "").isalnum()
    assert anchor.isascii()


def test_long_evidence_is_cut_and_counted() -> None:
    """A card lists the first events and says how many more there are."""
    evidence = tuple(make_evidence("use", "GetObject", index) for index in range(100))
    view = view_finding(make_finding(evidence=evidence), 1, {})
    assert (len(view.evidence), view.evidence_omitted, view.has_verification) == (MAX_EVIDENCE, 60, False)


@pytest.mark.parametrize(
    ("verdicts", "count"),
    [((None, None), 0), (("verified", "pending"), 0), (("verified", "mismatch"), 1), (("no_digest", "unlisted"), 2)],
)
def test_evidence_in_doubt_is_counted(verdicts: tuple[str | None, ...], count: int) -> None:
    """A claim that rests on archives nothing vouches for says how much of it does."""
    evidence = tuple(make_evidence("use", "GetObject", index, verification=item) for index, item in enumerate(verdicts))
    assert view_finding(make_finding(evidence=evidence), 1, {}).doubtful_count == count


def test_steps_are_shown_from_the_plan() -> None:
    """A step that the plan describes is whole; one it does not describe stands by its id."""
    view = view_finding(make_finding(), 1, make_steps())
    assert [step.known for step in view.steps] == [True, False, True]
    assert view.steps[1] == StepView("restore-1", False, "", (), (), (), "", False)
    assert view.steps[0] == StepView(
        step_id="contain-1",
        known=True,
        what="iam:PutRolePolicy",
        console=("IAM > Roles > reporting-export", "Revoke sessions > Revoke active sessions"),
        cli=(
            "aws iam put-role-policy --role-name reporting-export \\",
            "    --policy-name contain --policy-document file://deny.json",
        ),
        python=("client.put_role_policy(RoleName='reporting-export', PolicyName='contain', PolicyDocument=deny)",),
        warning="Every session of the role is cut off, the scheduled export's too.",
        reversible=True,
    )
    assert (view.steps[2].python, view.steps[2].reversible) == ((), False)


def test_the_actor_is_shown_only_where_it_differs() -> None:
    """Whoever acted under their own name is named once."""
    assert view_finding(make_misuse(), 1, {}).actor is None
    actor = view_finding(make_finding(), 1, {}).actor
    assert actor is not None
    assert actor.name == "ci-deploy/build-1881"


def test_bars_are_relative_to_the_largest_reason() -> None:
    """Points draw the bars; a reason that is only said has none."""
    view = view_finding(make_finding(), 1, {})
    assert [(item.reason.points, item.width) for item in view.reasons] == [(60, 100), (25, 42), (12, 20), (0, 0)]
    only_said = replace(make_finding(), reasons=(make_finding().reasons[3],))
    assert [item.width for item in view_finding(only_said, 1, {}).reasons] == [0]
