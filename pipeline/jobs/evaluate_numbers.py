"""How well findings answer labels: the counting, and the rules of matching.

What enters: labels of planted instances, findings, days. What leaves: ``Numbers``. Pure: no file, no clock, no lake.

The rules, strict on purpose:
- A finding is *about* an instance if one of its evidence events of role ``grant`` or ``denied`` is one of the
  instance's grant events. Names, times and principals alone match nothing.
- Strict: such a finding has the expected class and at least medium severity. Loose: any class of abuse, at least
  medium.
- A finding at medium or above is right if it has a class of abuse and is about an attack's grants, or about another
  permission change that the attack made (a key for a foothold). Else, one that is about a context event (an earlier
  broad grant that the story needs, broad in truth) is left out of precision and counted apart. Every other is a false
  alarm.
- Recall at k a day: somebody reads each day's k best findings (by score, then time, of all severities; the day is that
  of the first event). An attack counts if a strict match is among them.
- A chain's edge is found if an edge of the same kind cites the same event (or its copy in the other account) and ends
  in the same principals; a key stands for its owner, a session for its role. An edge of a finding about an attack is
  right if it is demanded or true in that sense, or a use or grant of the instance's own events.
- A quiet instance is violated by any finding at medium or above that is about it.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

from pipeline.finding import SEVERITIES, ChainEdge, Finding
from pipeline.simulate import Edge, Label

MEDIUM = SEVERITIES.index("medium")
PER_DAY = (1, 5, 20)
_LINEAGE_EDGES = frozenset(
    {"issued_key", "shared_event", "same_session", "assumed_role_id", "source_identity", "pass_role"}
)


def is_loud(finding: Finding) -> bool:
    """Return whether a finding has medium severity or more."""
    return SEVERITIES.index(finding.severity) >= MEDIUM


def claim_events(finding: Finding) -> frozenset[str]:
    """Return the permission changes (or denied attempts) that a finding is about."""
    return frozenset(item.event_id for item in finding.evidence if item.role in ("grant", "denied"))


@dataclass(slots=True)
class Share:
    """A part of a whole; 1.0 of nothing is 1.0."""

    part: int = 0
    whole: int = 0

    def add(self, is_part: bool) -> None:
        """Count one."""
        self.whole += 1
        self.part += is_part

    @property
    def ratio(self) -> float:
        """The share, rounded to four places."""
        return round(self.part / self.whole, 4) if self.whole else 1.0


@dataclass(slots=True)
class Numbers:
    """What an evaluation counts, over any number of corpora."""

    days: int = 0
    strict: dict[str, Share] = field(default_factory=lambda: defaultdict(Share))
    loose: dict[str, Share] = field(default_factory=lambda: defaultdict(Share))
    scenarios: dict[str, Share] = field(default_factory=lambda: defaultdict(Share))
    precision: Share = field(default_factory=Share)
    per_day: dict[int, Share] = field(default_factory=lambda: {count: Share() for count in PER_DAY})
    edge_recall: Share = field(default_factory=Share)
    edge_precision: Share = field(default_factory=Share)
    roots: Share = field(default_factory=Share)
    confusion: Counter[tuple[str, str]] = field(default_factory=Counter)
    quiet_violations: list[str] = field(default_factory=list)
    misses: list[str] = field(default_factory=list)
    false_alarms: list[str] = field(default_factory=list)
    wrong_edges: list[str] = field(default_factory=list)
    missing_edges: list[str] = field(default_factory=list)
    unresolved: list[str] = field(default_factory=list)
    ceilings: dict[int, Share] = field(default_factory=lambda: {count: Share() for count in PER_DAY})
    context_findings: int = 0
    quiet_count: int = 0

    @property
    def false_alarms_per_day(self) -> float:
        """False alarms at medium and above, per simulated day."""
        return round(len(self.false_alarms) / self.days, 4) if self.days else 0.0

    def details(self) -> dict[str, list[str]]:
        """Return what was missed or wrong, by kind."""
        return {
            "Missed": self.misses,
            "Quiet, violated": self.quiet_violations,
            "False alarms": self.false_alarms,
            "Chain edges missing": self.missing_edges,
            "Chain edges wrong": self.wrong_edges,
            "Cited events that do not exist": self.unresolved,
        }

    def overall(self, shares: Mapping[str, Share]) -> Share:
        """Return several shares as one."""
        return Share(sum(share.part for share in shares.values()), sum(share.whole for share in shares.values()))


def cited_events(finding: Finding) -> frozenset[str]:
    """Return every event that a finding names, in evidence or chain."""
    return frozenset({item.event_id for item in finding.evidence} | {edge.event_id for edge in finding.chain})


def count_corpus(
    numbers: Numbers,
    labels: Sequence[Label],
    findings: Sequence[Finding],
    *,
    days: int,
    name: str,
    known_events: frozenset[str] | None = None,
) -> None:
    """Add one corpus to the numbers.

    Args:
        numbers: added to.
        labels: every instance planted in the corpus.
        findings: every finding of the run, of all severities.
        days: length of the corpus.
        name: of the corpus, for the lists of misses.
        known_events: cited event ids that exist; None where that was not asked.
    """
    numbers.days += days
    if known_events is not None:
        for finding in findings:
            numbers.unresolved += sorted(cited_events(finding) - known_events)
    _count_ceilings(numbers, labels)
    read = _read_each_day(findings)
    about: dict[str, list[Finding]] = {label.instance: [] for label in labels}
    for finding in findings:
        events = claim_events(finding)
        for label in labels:
            if not events.isdisjoint(label.grant_event_ids):
                about[label.instance].append(finding)
    for label in labels:
        own = about[label.instance]
        if label.is_quiet:
            _count_quiet(numbers, label, own, name)
        else:
            _count_attack(numbers, label, own, read, name)
    _count_precision(numbers, labels, findings, name)


def _count_quiet(numbers: Numbers, label: Label, own: Sequence[Finding], name: str) -> None:
    loud = [finding for finding in own if is_loud(finding)]
    numbers.quiet_count += 1
    numbers.confusion[label.expected_class or "quiet", _loudest(own) if loud else "quiet"] += 1
    if loud:
        numbers.quiet_violations.append(f"{name} {label.instance}: {loud[0].finding_class} {loud[0].severity}")


def _count_attack(
    numbers: Numbers, label: Label, own: Sequence[Finding], read: Mapping[int, frozenset[str]], name: str
) -> None:
    strict = [item for item in own if is_loud(item) and item.finding_class == label.expected_class]
    loose = [item for item in own if is_loud(item) and item.finding_class in label.accepted_classes]
    numbers.strict[label.expected_class].add(bool(strict))
    numbers.loose[label.expected_class].add(bool(loose))
    numbers.scenarios[label.scenario].add(bool(strict))
    numbers.confusion[label.expected_class, label.expected_class if strict else _loudest(own)] += 1
    for count, share in numbers.per_day.items():
        share.add(any(item.finding_id in read[count] for item in strict))
    if not strict:
        seen = ", ".join(f"{item.finding_class} {item.severity}" for item in own) or "nothing"
        numbers.misses.append(f"{name} {label.instance}: {label.expected_class} expected, {seen} found")
    if loose:
        numbers.roots.add(any(_names_root(item, label) for item in loose))
    _count_edges(numbers, label, loose, name)


def _loudest(own: Sequence[Finding]) -> str:
    best = max(own, key=lambda item: (SEVERITIES.index(item.severity), item.score), default=None)
    return best.finding_class if best else "nothing"


def _names_root(finding: Finding, label: Label) -> bool:
    roots = {_principal(root, label) for root in label.root_principals}
    return _principal(finding.principal.arn, label) in roots


def _read_each_day(findings: Iterable[Finding]) -> dict[int, frozenset[str]]:
    days: dict[date, list[Finding]] = defaultdict(list)
    for finding in sorted(findings, key=Finding.sort_key):
        days[finding.first_event_time.date()].append(finding)
    return {count: frozenset(item.finding_id for own in days.values() for item in own[:count]) for count in PER_DAY}


def _count_ceilings(numbers: Numbers, labels: Sequence[Label]) -> None:
    """Count what the best possible order could show: at most k attacks on each day."""
    attacks = Counter(label.started_at[:10] for label in labels if not label.is_quiet)
    for count, share in numbers.ceilings.items():
        share.part += sum(min(count, number) for number in attacks.values())
        share.whole += sum(attacks.values())


def _count_precision(numbers: Numbers, labels: Sequence[Label], findings: Sequence[Finding], name: str) -> None:
    context = {event for label in labels for event in label.context_event_ids}
    for finding in findings:
        if not is_loud(finding):
            continue
        events = claim_events(finding)
        is_right = any(
            not label.is_quiet
            and finding.finding_class in label.accepted_classes
            and not events.isdisjoint((*label.grant_event_ids, *label.side_event_ids))
            for label in labels
        )
        if not is_right and not events.isdisjoint(context):
            numbers.context_findings += 1
            continue
        numbers.precision.add(is_right)
        if not is_right:
            numbers.false_alarms.append(f"{name} {finding.finding_class} {finding.severity}: {finding.title}")


def _principal(name: str, label: Label) -> str:
    """Return what an end of an edge stands for: a key its owner, a session its role, an ARN without its path."""
    arn = label.key_owners.get(name, name)
    parts = arn.split(":", 5)
    if len(parts) < 6:
        return arn.lower()
    account, resource = parts[4], parts[5].split("/")
    if resource[0] == "assumed-role":
        return f"{account}:role/{resource[1]}".lower()
    return f"{account}:{resource[0]}/{resource[-1]}".lower()


def _is_same_edge(found: ChainEdge, true: Edge, label: Label) -> bool:
    if found.edge != true.edge or found.event_id not in (true.event_id, *true.copies):
        return False
    ends = ((found.source, true.source), (found.target, true.target))
    return all(not want or _principal(has, label) == _principal(want, label) for has, want in ends)


def _is_true_edge(found: ChainEdge, label: Label) -> bool:
    if any(_is_same_edge(found, edge, label) for edge in (*label.chain, *label.true_edges)):
        return True
    known = {_principal(entity, label) for entity in label.entities}
    if _principal(found.source, label) not in known:
        return False
    if found.edge == "use":
        return found.event_id in label.use_event_ids
    if _principal(found.target, label) not in known:
        return False
    if found.edge == "grant":
        return found.event_id in (*label.grant_event_ids, *label.context_event_ids, *label.use_event_ids)
    return found.edge in _LINEAGE_EDGES and found.event_id in label.lineage_event_ids


def _count_edges(numbers: Numbers, label: Label, own: Sequence[Finding], name: str) -> None:
    edges = [edge for finding in own for edge in finding.chain]
    for true in label.chain:
        is_found = any(_is_same_edge(edge, true, label) for edge in edges)
        numbers.edge_recall.add(is_found)
        if not is_found:
            numbers.missing_edges.append(f"{name} {label.instance}: {true.edge} {true.source} -> {true.target}")
    for edge in edges:
        is_true = _is_true_edge(edge, label)
        numbers.edge_precision.add(is_true)
        if not is_true:
            numbers.wrong_edges.append(
                f"{name} {label.instance}: {edge.edge} {edge.source} -> {edge.target} ({edge.event_id})"
            )
