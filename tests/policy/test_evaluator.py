from __future__ import annotations

import itertools
import json
import subprocess
import sys
from collections.abc import Callable
from functools import partial

import pytest

import pipeline.policy
from pipeline.policy.evaluator import Evaluator
from pipeline.policy.replay import replay_writes
from tests.policy.documents import Log, allow, document


def test_a_document_is_judged_once(evaluator: Evaluator) -> None:
    """Texts that differ in layout share one evaluation."""
    text = document(allow("sqs:SendMessage"))
    one, other = evaluator.read(text), evaluator.read(json.dumps(json.loads(text), indent=2))
    assert one is other


def test_the_public_face_is_lazy_and_whole() -> None:
    """Every name is there; importing the room loads neither its modules nor any heavy library."""
    assert all(getattr(pipeline.policy, name) is not None for name in pipeline.policy.__all__)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = pipeline.policy.nothing
    code = "import sys, pipeline.policy as p; print(sum(m.startswith('pipeline.policy.') for m in sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "0\n"


def many(count: int, *, first: int = 0) -> list[str]:
    """Distinct documents of ordinary size, numbered from ``first``."""
    return [
        document(
            allow(["s3:Get*", "s3:PutObject"], [f"arn:aws:s3:::app-{number}", f"arn:aws:s3:::app-{number}/*"]),
            allow("logs:*", f"arn:aws:logs:us-east-1:111122223333:log-group:app-{number}:*"),
            allow("iam:PassRole", f"arn:aws:iam::111122223333:role/app-{number}"),
        )
        for number in range(first, first + count)
    ]


def count_calls(work: Callable[[], object]) -> int:
    """Functions called meanwhile, Python's own included: what no other process on the machine changes."""
    calls = itertools.count()
    sys.setprofile(lambda frame, event, argument: event in ("call", "c_call") and next(calls))
    try:
        work()
    finally:
        sys.setprofile(None)
    return next(calls)


def test_each_distinct_document_costs_the_same(evaluator: Evaluator) -> None:
    """Ten times the documents are ten times the work: none is compared with those before it."""
    texts, tiers = many(1_110, first=1_000), []  # no other test's: what was judged is kept

    def judge(some: list[str]) -> None:
        for held in map(evaluator.read, some):
            tiers.append(evaluator.judge.standing(evaluator.by_content(held.document).permissions))

    judge(texts[:10])  # what is made once, for the first document
    few, often = (count_calls(partial(judge, some)) for some in (texts[10:110], texts[110:]))
    assert often < 11 * few
    assert (set(tiers), len(tiers)) == ({"T1"}, 1_110)


def test_a_write_costs_no_more_than_what_it_changes(evaluator: Evaluator) -> None:
    """5,000 writes over 499 roles call some hundred functions each: none looks at all roles, or all writes before."""
    log, texts, found = Log(), many(200), []
    for number in range(5_000):
        log.put(texts[number % 200], role=f"role-{number % 499}", policy=f"p{number % 3}")
    assert count_calls(lambda: found.extend(replay_writes(log.rows, evaluator=evaluator))) < 5_000 * 1_000
    assert len(found) == 5_000
