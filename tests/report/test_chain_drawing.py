"""The chain's drawing: every edge once, whatever its shape, inside its own frame."""

from __future__ import annotations

import re
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.finding import ChainEdge
from pipeline.report.chain_drawing import MAX_EDGES, MAX_NODES, ChainDrawing, draw_chain


def make_edge(source: str, target: str, kind: str = "assumed_role_id", confidence: float = 0.9) -> ChainEdge:
    """An edge whose event id names its ends."""
    return ChainEdge(source, target, kind, confidence, f"{source}>{target}")  # type: ignore[arg-type]


def draw(edges: list[ChainEdge]) -> ChainDrawing:
    """The drawing of a chain that has one."""
    drawing = draw_chain(edges, root_arn="a", target_arn="c")
    assert drawing is not None
    return drawing


def test_no_edges_no_drawing() -> None:
    """An attempt without a chain has no empty frame."""
    assert draw_chain([], root_arn="a", target_arn="b") is None


def test_a_line_of_steps_is_drawn_straight_down() -> None:
    """Boxes follow each other, root and target are marked, and each arrow ends at the next box."""
    drawing = draw([make_edge("a", "b"), make_edge("b", "c", "grant", 1.0)])
    assert [(node.label.name, node.role) for node in drawing.nodes] == [
        ("a", "root"),
        ("b", "between"),
        ("c", "target"),
    ]
    assert [node.y for node in drawing.nodes] == [8, 95, 182]
    assert [(arrow.path, arrow.style) for arrow in drawing.arrows] == [("M34 56V87", "sure"), ("M34 143V174", "grant")]
    assert [label.text for arrow in drawing.arrows for label in arrow.labels] == [
        "assumed the role · confidence 0.9 · a>b",
        "granted permissions · confidence 1 · b>c",
    ]
    assert (drawing.width, drawing.height, drawing.edge_count, drawing.drawn_count) == (456, 238, 2, 2)


def test_several_edges_between_two_share_an_arrow() -> None:
    """Each keeps its own line of text, and the gap grows with them."""
    edges = [make_edge("a", "b"), make_edge("a", "b", "source_identity"), make_edge("a", "b", "use")]
    drawing = draw(edges)
    assert [(arrow.style, len(arrow.labels)) for arrow in drawing.arrows] == [("use", 3)]
    assert drawing.nodes[1].y - drawing.nodes[0].y == 48 + 22 + 3 * 17


@pytest.mark.parametrize("edge", [("c", "a"), ("b", "b"), ("a", "c")], ids=["cycle", "self", "skip"])
def test_what_is_no_step_runs_through_a_lane(edge: tuple[str, str]) -> None:
    """A cycle, a grant to oneself and a jump are drawn at the right, with a label, and widen the frame."""
    drawing = draw([make_edge("a", "b"), make_edge("b", "c"), make_edge(*edge, "temporal", 0.5)])
    assert len(drawing.nodes) == 3
    lane = drawing.arrows[-1]
    assert (lane.style, lane.labels[0].full) == (
        "unsure",
        f"temporal, confidence 0.5, event {edge[0]}>{edge[1]}",
    )
    assert drawing.width == 456 + 2 * 18 + 300


def test_sixteen_hops_are_drawn_whole() -> None:
    """The longest lineage that detection follows fits."""
    drawing = draw([make_edge(f"n{index}", f"n{index + 1}") for index in range(16)])
    assert (len(drawing.nodes), drawing.drawn_count) == (17, 16)


def test_what_does_not_fit_is_counted() -> None:
    """A chain beyond the limits is drawn in part, and says in how large a part."""
    drawing = draw([make_edge(f"n{index}", f"n{index + 1}") for index in range(200)])
    assert (len(drawing.nodes), drawing.edge_count, drawing.drawn_count) == (MAX_NODES, 200, MAX_NODES - 1)
    dense = draw([make_edge("a", "b") for _ in range(200)])
    assert (dense.edge_count, dense.drawn_count) == (200, MAX_EDGES)


def test_a_key_is_tied_to_the_session_below_it_without_a_claim() -> None:
    """An issued key and the session that follows it get a dotted line, without head or label, and no count."""
    key, session = "ASIAIOSFODNN7EXAMPLE", "arn:aws:sts::1:assumed-role/r/s"
    drawing = draw([make_edge("a", key, "issued_key", 1.0), make_edge(session, "c", "grant", 1.0)])
    assert [(arrow.style, arrow.head == "", len(arrow.labels)) for arrow in drawing.arrows] == [
        ("sure", False, 1),
        ("grant", False, 1),
        ("order", True, 0),
    ]
    assert drawing.arrows[2].path == "M34 143V179"
    assert (drawing.has_order_lines, drawing.drawn_count) == (True, 2)


@pytest.mark.parametrize(
    "edges",
    [
        [make_edge("a", "ASIAIOSFODNN7EXAMPLE"), make_edge("arn:aws:iam::1:role/r", "c")],
        [make_edge("a", "ASIAIOSFODNN7EXAMPLE"), make_edge("ASIAIOSFODNN7EXAMPLE", "arn:aws:sts::1:assumed-role/r/s")],
    ],
    ids=["a role is no session", "an edge says it already"],
)
def test_no_dotted_line_where_it_would_mislead(edges: list[ChainEdge]) -> None:
    """Only a session may be what a key became, and only where no edge says so."""
    assert not draw(edges).has_order_lines


def test_keys_are_masked_unless_asked() -> None:
    """A key in a box shows its last four characters only."""
    edges = [make_edge("AKIAIOSFODNN7EXAMPLE", "b")]
    assert draw(edges).nodes[0].label.name == "AKIA************MPLE"
    shown = draw_chain(edges, root_arn="", target_arn="", show_keys=True)
    assert shown is not None
    assert shown.nodes[0].label.name == "AKIAIOSFODNN7EXAMPLE"


@given(st.lists(st.tuples(st.integers(0, 18), st.integers(0, 18)), min_size=1, max_size=40))
def test_any_graph_is_drawn_inside_its_frame(pairs: list[tuple[int, int]]) -> None:
    """Every edge has its label, every coordinate lies in the frame, no two lane labels overlap."""
    drawing = draw([make_edge(f"n{source}", f"n{target}") for source, target in pairs])
    labels = [label for arrow in drawing.arrows for label in arrow.labels]
    assert len(labels) == drawing.drawn_count == len(pairs)
    points = [(float(x), float(y)) for arrow in drawing.arrows for x, y in re.findall(r"M(-?\d+) (-?\d+)", arrow.path)]
    points += [(label.x, label.y) for label in labels]
    assert all(0 <= x <= drawing.width and 0 <= y <= drawing.height for x, y in points)
    at_right = sorted(label.y for label in labels if label.x > 456)
    assert all(after - before >= 17 for before, after in pairwise(at_right))
