"""The chain of a finding as a drawing: who handed what to whom, step under step.

What enters: chain edges. What leaves: boxes, arrows and labels with coordinates; the template only prints them. This
module must never draw an edge that is not in the evidence, and says how many it could not fit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from pipeline.finding import ChainEdge
from pipeline.report.cleaning import clean_text
from pipeline.report.principal_label import PrincipalLabel, label_principal, shorten

EDGE_WORDS = {
    "issued_key": "issued the key",
    "shared_event": "same event, other account",
    "same_session": "same session",
    "assumed_role_id": "assumed the role",
    "source_identity": "same source identity",
    "pass_role": "passed the role to compute",
    "grant": "granted permissions",
    "use": "used the grant",
    "temporal": "close in time only",
}

MAX_NODES = 34
MAX_EDGES = 60

_BOX_WIDTH, _BOX_HEIGHT, _LINE, _LANE, _MARGIN = 440, 48, 17, 18, 8
_LABEL_WIDTH = 300


@dataclass(frozen=True, slots=True)
class Node:
    """A box: a principal or a key."""

    y: int
    label: PrincipalLabel
    role: Literal["root", "target", "between"]


@dataclass(frozen=True, slots=True)
class Label:
    """One edge in words; ``full`` is its tooltip."""

    x: int
    y: int
    text: str
    full: str


@dataclass(frozen=True, slots=True)
class Arrow:
    """A line with its head; ``style`` is ``grant``, ``use``, ``sure``, ``unsure``, or ``order`` (no edge, no head)."""

    path: str
    head: str
    style: str
    labels: tuple[Label, ...]


@dataclass(frozen=True, slots=True)
class ChainDrawing:
    """A drawing in its own coordinates."""

    width: int
    height: int
    box_width: int
    box_height: int
    nodes: tuple[Node, ...]
    arrows: tuple[Arrow, ...]
    edge_count: int
    drawn_count: int

    @property
    def has_order_lines(self) -> bool:
        """Return whether any line only shows the order of the chain."""
        return any(arrow.style == "order" for arrow in self.arrows)


def draw_chain(
    edges: Sequence[ChainEdge], *, root_arn: str, target_arn: str, show_keys: bool = False
) -> ChainDrawing | None:
    """Lay a chain out from top to bottom.

    Steps to the next box are straight arrows; branches, jumps back (role juggling) and a principal's grant to itself
    run through lanes at the right.

    Args:
        edges: in the order of the chain.
        root_arn: marked as where it began.
        target_arn: marked as whose permissions changed.
        show_keys: show access key ids in full.

    Returns:
        The drawing, or ``None`` where there is no edge.
    """
    order: dict[str, int] = {}
    groups: dict[tuple[int, int], list[ChainEdge]] = {}
    for edge in edges[:MAX_EDGES]:
        fresh = {edge.source, edge.target} - order.keys()
        if len(order) + len(fresh) > MAX_NODES:
            continue
        source = order.setdefault(edge.source, len(order))
        target = order.setdefault(edge.target, len(order))
        groups.setdefault((source, target), []).append(edge)
    if not groups:
        return None
    tops = _place_nodes(len(order), groups)
    nodes = []
    for name, position in order.items():
        role: Literal["root", "target", "between"] = "between"
        role = "target" if name == target_arn else "root" if name == root_arn else role
        nodes.append(Node(tops[position], label_principal(name, show_keys=show_keys), role))
    straight = [_draw_step(tops, step, group) for step, group in groups.items() if step[1] == step[0] + 1]
    lanes, lane_count, last_y = _draw_lanes(tops, {k: v for k, v in groups.items() if k[1] != k[0] + 1})
    straight += _draw_order(nodes, groups)
    width = _BOX_WIDTH + 2 * _MARGIN + (lane_count * _LANE + _LABEL_WIDTH if lanes else 0)
    height = max(tops[-1] + _BOX_HEIGHT, last_y) + _MARGIN
    drawn = sum(len(group) for group in groups.values())
    return ChainDrawing(
        width, height, _BOX_WIDTH, _BOX_HEIGHT, tuple(nodes), tuple(straight + lanes), len(edges), drawn
    )


def _place_nodes(count: int, groups: dict[tuple[int, int], list[ChainEdge]]) -> list[int]:
    """Top of each box: the gap above it has room for the labels of the step into it."""
    tops = [_MARGIN]
    for index in range(1, count):
        lines = len(groups.get((index - 1, index), ()))
        tops.append(tops[-1] + _BOX_HEIGHT + max(36, 22 + lines * _LINE))
    return tops


def _draw_order(nodes: Sequence[Node], groups: dict[tuple[int, int], list[ChainEdge]]) -> list[Arrow]:
    """Dotted lines from an issued key to the session right below it.

    A record that names the key seldom says more than that the session used it, so the chain has no edge between the
    two; without a line, the eye loses the story. The line has no head and no label: it claims no event.
    """
    sources = {source for source, _ in groups}
    lines = []
    for index in range(len(nodes) - 1):
        is_issued_key = nodes[index].label.kind == "access key" and index not in sources
        if is_issued_key and nodes[index + 1].label.kind in ("session", "federated user"):
            path = f"M{_MARGIN + 26} {nodes[index].y + _BOX_HEIGHT}V{nodes[index + 1].y}"
            lines.append(Arrow(path, "", "order", ()))
    return lines


def _style_edges(group: Sequence[ChainEdge]) -> str:
    kinds = {edge.edge for edge in group}
    if "grant" in kinds:
        return "grant"
    if "use" in kinds:
        return "use"
    return "sure" if max(edge.confidence for edge in group) >= 0.9 else "unsure"


def _label_edge(edge: ChainEdge, x: int, y: int) -> Label:
    words = EDGE_WORDS.get(edge.edge, edge.edge)
    confidence = f"{edge.confidence:.2f}".rstrip("0").rstrip(".")
    text = f"{words} · confidence {confidence}"
    full = f"{edge.edge}, confidence {confidence}, event {clean_text(edge.event_id, limit=200)}"
    return Label(x, y, f"{text} · {shorten(edge.event_id, 9)}", full)


def _draw_step(tops: Sequence[int], step: tuple[int, int], group: Sequence[ChainEdge]) -> Arrow:
    x, start, end = _MARGIN + 26, tops[step[0]] + _BOX_HEIGHT, tops[step[1]]
    middle = (start + end) // 2 - (len(group) - 1) * _LINE // 2 + 3
    labels = tuple(_label_edge(edge, x + 16, middle + index * _LINE) for index, edge in enumerate(group))
    head = f"M{x - 5} {end - 9}L{x} {end - 1}L{x + 5} {end - 9}Z"
    return Arrow(f"M{x} {start}V{end - 8}", head, _style_edges(group), labels)


def _draw_lanes(tops: Sequence[int], groups: dict[tuple[int, int], list[ChainEdge]]) -> tuple[list[Arrow], int, int]:
    """Arrows that are no plain step: each takes the first lane free over its height; labels never overlap."""
    right = _MARGIN + _BOX_WIDTH
    taken: list[list[tuple[int, int]]] = []
    chosen: list[tuple[int, tuple[int, int]]] = []
    for step in sorted(groups, key=lambda step: (abs(step[0] - step[1]), step)):
        low, high = min(step), max(step)
        lane = next((i for i, spans in enumerate(taken) if all(high < a or low > b for a, b in spans)), len(taken))
        if lane == len(taken):
            taken.append([])
        taken[lane].append((low, high))
        chosen.append((lane, step))
    arrows: list[Arrow] = []
    label_x, next_y = right + (len(taken) + 1) * _LANE, 0
    for lane, step in sorted(chosen, key=lambda item: (item[1], item[0])):
        source, target = step
        x = right + (lane + 1) * _LANE
        start = tops[source] + _BOX_HEIGHT * 2 // 3 + (2 if source == target else 0)
        end = tops[target] + _BOX_HEIGHT // 3
        bend = 6 if end > start else -6
        path = (
            f"M{right} {start}H{x - 6}Q{x} {start} {x} {start + bend}V{end - bend}Q{x} {end} {x - 6} {end}H{right + 8}"
        )
        head = f"M{right + 9} {end - 5}L{right + 1} {end}L{right + 9} {end + 5}Z"
        group = groups[step]
        # Beside the box it leaves, so that the eye can follow the line.
        first = max(next_y, start + 4)
        labels = tuple(_label_edge(edge, label_x, first + index * _LINE) for index, edge in enumerate(group))
        next_y = first + len(group) * _LINE + 6
        arrows.append(Arrow(path, head, _style_edges(group), labels))
    return arrows, len(taken) + 1, next_y
