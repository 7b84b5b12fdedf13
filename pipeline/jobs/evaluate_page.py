"""The evaluation as people read it: docs/evaluation.md, and one line of JSON for machines.

What enters: ``Numbers`` and baselines. What leaves: text. Pure: the same numbers give the same bytes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pipeline.jobs.evaluate_baselines import Baseline
from pipeline.jobs.evaluate_numbers import PER_DAY, Numbers, Share

_METHOD = """
## What is measured

Each seed gives another organisation: six accounts, people with federated sessions, users with keys, pipelines,
functions and machines, and its routine of narrow grants, stacks, newcomers and key rotations. Into it every scenario
of the catalogue is planted once, by people and tools of the same kinds as everybody's: names, addresses and user agents
tell nothing. The pipeline runs as it ships, with its default settings; it never sees a label. The seeds reported here
are others than those on which rules were tuned (1 to 5).

## Rules of matching

- A finding is *about* an instance if its evidence cites, as grant or as denied attempt, one of the instance's events.
- **Strict**: such a finding has exactly the expected class, at medium severity or above. **Loose**: any class of abuse,
  at medium or above.
- **Precision** is over all findings at medium or above: right if under a class of abuse and about an attack's grant or
  another permission change that the attack made. Findings about an earlier broad grant that a story needs (who drops a
  condition must first have had one) are neither right nor wrong; they are counted apart.
- **Recall at k a day**: somebody reads each day's k best findings. The ceiling is what a perfect ranking could reach:
  there are days with more attacks than k.
- **Chain edges**: same kind, same event, same principals at both ends (a key stands for its owner, a session for its
  role). Edges of findings about no attack have no label and are not counted.
- **Quiet violations**: routine instances with a finding at medium or above.

## What this does not say

The background is synthetic: its people are more regular than real ones, and real trails hold habits that nobody thought
of here. There are no data events (object reads, invocations) in it, no service control policies, and no intruder who
adapts to the rules. Numbers on real trails will be lower; the order of the scenarios by difficulty is more telling than
the figures.
"""


@dataclass(frozen=True, slots=True)
class Setting:
    """What was evaluated."""

    seeds: tuple[int, ...]
    background_events: int
    days: int
    instances: int


def summarise(numbers: Numbers, baselines: Mapping[str, Baseline], setting: Setting) -> dict[str, Any]:
    """Return the object of the evaluation's last line."""
    out: dict[str, Any] = {
        "schema": "policytrail.evaluation/1",
        "seeds": list(setting.seeds),
        "days": numbers.days,
        "attacks": numbers.overall(numbers.strict).whole,
        "recall_strict": numbers.overall(numbers.strict).ratio,
        "recall_loose": numbers.overall(numbers.loose).ratio,
        "recall_strict_by_class": {name: share.ratio for name, share in sorted(numbers.strict.items())},
        "recall_loose_by_class": {name: share.ratio for name, share in sorted(numbers.loose.items())},
        "precision_medium": numbers.precision.ratio,
        "false_alarms_per_day_medium": numbers.false_alarms_per_day,
    }
    for count in PER_DAY:
        out[f"recall_at_{count}_per_day"] = numbers.per_day[count].ratio
        out[f"recall_at_{count}_per_day_ceiling"] = numbers.ceilings[count].ratio
    return out | {
        "chain_edge_recall": numbers.edge_recall.ratio,
        "chain_edge_precision": numbers.edge_precision.ratio,
        "root_principal_ratio": numbers.roots.ratio,
        "quiet_instances": numbers.quiet_count,
        "quiet_violations": len(numbers.quiet_violations),
        "context_findings": numbers.context_findings,
        "unresolved_event_ids": len(numbers.unresolved),
        "baselines": {name: baseline.to_json() for name, baseline in baselines.items()},
    }


def render_page(numbers: Numbers, baselines: Mapping[str, Baseline], setting: Setting) -> str:
    """Return docs/evaluation.md."""
    seeds = ", ".join(str(seed) for seed in setting.seeds)
    parts = [
        "# How well it works",
        "",
        "Written by `make eval`; change the code, not this page.",
        "",
        f"Seeds {seeds}; each {setting.days} days, {setting.background_events:,} events of background, "
        f"{setting.instances} instance of every scenario.",
        "",
        render_tables(numbers, baselines),
        _METHOD.strip(),
        "",
    ]
    return "\n".join(parts)


def render_tables(numbers: Numbers, baselines: Mapping[str, Baseline]) -> str:
    """Return the tables, as the terminal and the page show them."""
    return "\n".join(
        [
            *_overview(numbers),
            *_classes(numbers),
            *_confusion(numbers),
            *_scenarios(numbers),
            *_baselines(numbers, baselines),
        ]
    )


def _table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> list[str]:
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return [*lines, *("| " + " | ".join(str(cell) for cell in row) + " |" for row in rows), ""]


def _of(share: Share) -> str:
    return f"{share.ratio:.3f} ({share.part} of {share.whole})"


def _overview(numbers: Numbers) -> list[str]:
    rows: list[tuple[str, str]] = [
        ("strict recall", _of(numbers.overall(numbers.strict))),
        ("loose recall", _of(numbers.overall(numbers.loose))),
        ("precision at medium and above", _of(numbers.precision)),
        ("false alarms a day at medium and above", f"{numbers.false_alarms_per_day:.3f}"),
    ]
    rows += [
        (f"recall at {count} a day", f"{_of(numbers.per_day[count])}; ceiling {numbers.ceilings[count].ratio:.3f}")
        for count in PER_DAY
    ]
    rows += [
        ("chain edges found", _of(numbers.edge_recall)),
        ("chain edges right", _of(numbers.edge_precision)),
        ("root principal named", _of(numbers.roots)),
        ("quiet instances violated", f"{len(numbers.quiet_violations)} of {numbers.quiet_count}"),
        ("findings about context events", str(numbers.context_findings)),
    ]
    return ["## Figures", "", *_table(("figure", "value"), rows)]


def _classes(numbers: Numbers) -> list[str]:
    rows = [(name, _of(share), _of(numbers.loose[name])) for name, share in sorted(numbers.strict.items())]
    return ["## By class", "", *_table(("expected class", "strict recall", "loose recall"), rows)]


def _confusion(numbers: Numbers) -> list[str]:
    expected = sorted({pair[0] for pair in numbers.confusion})
    found = sorted({pair[1] for pair in numbers.confusion})
    rows = [(name, *(numbers.confusion[name, other] for other in found)) for name in expected]
    return ["## Confusion", "", "Rows: planted. Columns: found.", "", *_table(("", *found), rows)]


def _scenarios(numbers: Numbers) -> list[str]:
    rows = [(name, f"{share.part} of {share.whole}") for name, share in sorted(numbers.scenarios.items())]
    return ["## By scenario", "", *_table(("scenario", "found strictly"), rows)]


def _baselines(numbers: Numbers, baselines: Mapping[str, Baseline]) -> list[str]:
    figures = {name.replace("_", " "): baseline.to_json() for name, baseline in baselines.items()}
    figures["this tool (loose)"] = {
        "recall": numbers.overall(numbers.loose).ratio,
        "precision": numbers.precision.ratio,
        "false_alarms_per_day": numbers.false_alarms_per_day,
    }
    rows = [
        (name, f"{item['recall']:.3f}", f"{item['precision']:.3f}", f"{item['false_alarms_per_day']:.2f}")
        for name, item in figures.items()
    ]
    return ["## Beside two simple rules", "", *_table(("rule", "recall", "precision", "false alarms a day"), rows)]
