from __future__ import annotations

import json
import subprocess
import sys
import time

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


def many(count: int) -> list[str]:
    """Distinct documents of ordinary size."""
    return [
        document(
            allow(["s3:Get*", "s3:PutObject"], [f"arn:aws:s3:::app-{number}", f"arn:aws:s3:::app-{number}/*"]),
            allow("logs:*", f"arn:aws:logs:us-east-1:111122223333:log-group:app-{number}:*"),
            allow("iam:PassRole", f"arn:aws:iam::111122223333:role/app-{number}"),
        )
        for number in range(count)
    ]


def test_distinct_documents_are_judged_fast(evaluator: Evaluator) -> None:
    """1,000 distinct documents in a few tenths of a second; the bound leaves room for a busy machine."""
    texts = many(1_000)
    started = time.process_time()
    tiers = [
        evaluator.judge.standing(evaluator.by_content(held.document).permissions) for held in map(evaluator.read, texts)
    ]
    assert time.process_time() - started < 2
    assert set(tiers) == {"T1"}


def test_writes_are_replayed_fast(evaluator: Evaluator) -> None:
    """5,000 writes over 500 roles in about a second; the bound leaves room for a busy machine."""
    log, texts = Log(), many(200)
    for number in range(5_000):
        log.put(texts[number % 200], role=f"role-{number % 499}", policy=f"p{number % 3}")
    started = time.process_time()
    result = replay_writes(log.rows, evaluator=evaluator)
    assert time.process_time() - started < 5
    assert len(result) == 5_000
