"""The background's cast."""

from __future__ import annotations

from collections import Counter

from pipeline.simulate.cast import Cast
from pipeline.simulate.entropy import Entropy
from pipeline.simulate.organisation import build_organisation
from pipeline.simulate.staff import Staff

MONDAY = 1_740_960_000.0


def test_every_kind_of_caller_is_on_the_staff() -> None:
    """People, users, pipelines, auditors, compute and services, each under a name of its own."""
    actors = Staff(Cast(build_organisation(1))).actors()
    assert len({actor.name for actor in actors}) == len(actors)
    assert len(actors) == 40 + 10 + 6 + 5 + 30 + 15
    kinds: Counter[str] = Counter()
    for actor in actors:
        issued = actor.open(Entropy(1, actor.name), MONDAY)
        kinds[issued.session.identity["type"]] += 1
        actor.use(issued.session)
        assert issued.session.expires > MONDAY
        assert actor.head.startswith('{"eventVersion":"1.')
        assert actor.client.startswith(issued.session.address)
    assert kinds == {"AssumedRole": 96, "IAMUser": 10}


def test_an_auditor_crosses_accounts_and_a_pipeline_changes_names() -> None:
    """The scanner's sessions leave two copies; a pipeline's run has another session name each time."""
    actors = {actor.name: actor for actor in Staff(Cast(build_organisation(1))).actors()}
    assert len(actors["audit-prod"].open(Entropy(1), MONDAY).events) == 2
    pipeline = next(actor for name, actor in actors.items() if name.startswith("github-web"))
    runs = [pipeline.open(Entropy(seed), MONDAY).session for seed in (1, 2)]
    assert runs[0].arn != runs[1].arn
    assert runs[0].identity["sessionContext"]["sessionIssuer"] == runs[1].identity["sessionContext"]["sessionIssuer"]
