"""report.html in real chromium: the findings are in it, nothing runs, nothing is asked of the network."""

from __future__ import annotations

import html
from pathlib import Path

from pipeline.report import render_posture_page, render_report
from tests.hostile_values import HOSTILE, MARKER, MARKER_URL, MARKUP, STYLE
from tests.report.browser import Visit, listen, needs_chromium, visit
from tests.report.hostile_input import make_hostile_input
from tests.report.samples import make_finding, make_input, make_misuse

# A page of frames that, once all have loaded, shows their titles as its own.
_GATHER = """<!DOCTYPE html><link rel=icon href="data:,"><title>all</title><script>
addEventListener("load", () => {
  const titles = Array.from({length: frames.length}, (_, index) => frames[index].document.title + "|")
  document.title = titles.join("")
})
</script>"""


def read_title(page: Visit) -> str:
    """The document's title after everything that could run has run."""
    return page.dom.split("<title>", 1)[1].split("</title>", 1)[0]


@needs_chromium
def test_the_findings_are_in_the_page_and_it_asks_for_nothing(tmp_path: Path) -> None:
    """Opened from disk, the page shows each finding, obeys its own policy, and asks for itself alone."""
    file = tmp_path / "report.html"
    file.write_bytes(render_report(make_input()))
    page = visit(file.as_uri(), tmp_path)
    text = html.unescape(page.dom)
    for finding in (make_finding(), make_misuse()):
        assert finding.title in text
        assert f'id="finding-{finding.finding_id}"' in page.dom
    assert read_title(page) == "PolicyTrail: 3 findings"
    assert page.console == []
    assert page.requested == []


@needs_chromium
def test_hostile_values_in_every_field_run_nothing_and_load_nothing(tmp_path: Path) -> None:
    """With the whole corpus in every field, the title stays, the policy is not even called upon, no request is made."""
    with listen() as server:
        values = [value.replace(MARKER_URL, f"{server.url}/{MARKER}") for value in HOSTILE.values()]
        server.pages["/report.html"] = render_report(make_hostile_input(values))
        page = visit(f"{server.url}/report.html", tmp_path)
        assert server.paths == ["/report.html"]
    assert read_title(page) == f"PolicyTrail: {len(values)} findings"
    assert page.console == []
    assert page.requested == []


@needs_chromium
def test_each_field_of_the_tables_and_the_head_holds_every_markup(tmp_path: Path) -> None:
    """Tables and head take one value a page, so each dangerous one gets a page; none of them does anything."""
    with listen() as server:
        names = [f"/{name}.html" for name in (*MARKUP, *STYLE)]
        for name, value in {**MARKUP, **STYLE}.items():
            live = value.replace(MARKER_URL, f"{server.url}/{MARKER}")
            server.pages[f"/{name}.html"] = render_report(make_hostile_input([live]))
        frames = "".join(f"<iframe src='{name}'></iframe>" for name in names)
        server.pages["/all.html"] = (_GATHER + frames).encode()
        page = visit(f"{server.url}/all.html", tmp_path)
        assert sorted(server.paths) == sorted(["/all.html", *names])
    assert read_title(page) == "PolicyTrail: 1 finding|" * len(names)
    assert page.console == []
    assert sorted(page.requested) == sorted(f"{server.url}{name}" for name in names)


@needs_chromium
def test_the_same_harness_sees_a_page_that_does_run_something(tmp_path: Path) -> None:
    """Were a value printed as markup without a policy, this harness would see the script and the request."""
    with listen() as server:
        image = MARKUP["image_remote"].replace(MARKER_URL, f"{server.url}/{MARKER}")
        bad = f"<!DOCTYPE html><title>fine</title><p>{MARKUP['script_tag']}{image}"
        server.pages["/bad.html"] = bad.encode()
        page = visit(f"{server.url}/bad.html", tmp_path)
        assert f"/{MARKER}" in server.paths
    assert read_title(page) == MARKER
    assert f"{server.url}/{MARKER}" in page.requested


@needs_chromium
def test_the_policy_alone_would_stop_what_escaping_let_through(tmp_path: Path) -> None:
    """Markup smuggled into a finished page runs nothing and loads nothing: the policy is a second wall."""
    with listen() as server:
        smuggled = "".join(MARKUP.values()).replace(MARKER_URL, f"{server.url}/{MARKER}")
        page_bytes = render_report(make_input()).replace(b"<main>", b"<main>" + smuggled.encode())
        server.pages["/report.html"] = page_bytes
        page = visit(f"{server.url}/report.html", tmp_path)
        assert [path for path in server.paths if MARKER in path] == []
    assert read_title(page) == "PolicyTrail: 3 findings"
    assert any("Content Security Policy" in line for line in page.console)


@needs_chromium
def test_hostile_names_in_the_posture_page_run_nothing_and_load_nothing(tmp_path: Path) -> None:
    """Users and roles of every hostile name: the title stays, nothing is asked for, the policy is not called upon."""
    with listen() as server:
        values = [value.replace(MARKER_URL, f"{server.url}/{MARKER}") for value in HOSTILE.values()]
        entry = {"status": "fail", "severity": "high"}
        checks = [
            entry | {"id": value, "resource": value, "detail": value, "evidence": {value: value}} for value in values
        ]
        server.pages["/posture.html"] = render_posture_page({"account_id": "111122223333", "checks": checks})
        page = visit(f"{server.url}/posture.html", tmp_path)
        assert server.paths == ["/posture.html"]
    assert read_title(page) == f"PolicyTrail posture: {len(values)} weak points"
    assert page.console == []
    assert page.requested == []
