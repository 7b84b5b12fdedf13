"""Labelled synthetic CloudTrail archives: an organisation at work, and planted abuse of permissions in it.

What enters: ``CorpusOptions`` (events, days, seed, scenarios, layout). What leaves: a ``Corpus``: a stream of
``Archive`` values and the labels (``policytrail.labels/1``). The same options give the same bytes. This room must
never read a clock, write a file, or look at the pipeline's results.
"""

from __future__ import annotations

from pipeline.simulate.corpus import DEFAULT_START, MIN_SCENARIO_DAYS, Corpus, CorpusOptions
from pipeline.simulate.delivery import LAYOUTS, Archive
from pipeline.simulate.digests import Signer, TrailName, make_digests, public_keys_answer
from pipeline.simulate.labels import LABELS_SCHEMA, Edge, Label, read_label
from pipeline.simulate.scenarios import SCENARIOS

__all__ = [
    "DEFAULT_START",
    "LABELS_SCHEMA",
    "LAYOUTS",
    "MIN_SCENARIO_DAYS",
    "SCENARIOS",
    "Archive",
    "Corpus",
    "CorpusOptions",
    "Edge",
    "Label",
    "Signer",
    "TrailName",
    "make_digests",
    "public_keys_answer",
    "read_label",
]
