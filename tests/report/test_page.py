"""report.html as bytes: everything is there, nothing breaks out, the size stays sane."""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.errors import ReportError
from pipeline.report import build_coverage, clean_text, environment, render_report
from pipeline.report.page import MAX_CARDS
from tests.hostile_values import HOSTILE, MEGABYTE
from tests.report.hostile_input import make_hostile_finding, make_hostile_input
from tests.report.samples import (
    KEY,
    SCORE_SCHEMA,
    TIMELINE_SCHEMA,
    make_attempt,
    make_coverage_table,
    make_finding,
    make_input,
    make_run,
    make_scores,
    make_timeline,
)
from tests.report.test_coverage import make_account

TAGS = {
    "html", "head", "meta", "title", "link", "style", "body", "a", "header", "nav", "main", "section", "article",
    "footer", "h1", "h2", "h3", "h4", "p", "ul", "ol", "li", "div", "span", "strong", "b", "br", "code", "pre", "dl",
    "dt", "dd", "details", "summary", "table", "thead", "tbody", "tr", "th", "td", "svg", "g", "rect", "circle", "path",
    "text",
}  # fmt: skip
ATTRIBUTES = {
    "lang", "charset", "http-equiv", "content", "name", "rel", "href", "class", "id", "role", "scope", "title",
    "tabindex", "open", "aria-label", "aria-labelledby", "aria-hidden", "viewbox", "preserveaspectratio", "width",
    "height", "x", "y", "rx", "cx", "cy", "r", "d", "text-anchor",
}  # fmt: skip


class Outline(HTMLParser):
    """Tags, attributes, links and ids of a page, and its text."""

    def __init__(self, page: bytes) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.links: set[str] = set()
        self.ids: list[str] = []
        self.text: list[str] = []
        self.feed(page.decode("utf-8"))
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note a tag."""
        self.tags.add(tag)
        for name, value in attrs:
            self.attributes.add(name)
            if name in ("href", "src"):
                self.links.add(value or "")
            if name == "id":
                self.ids.append(value or "")

    def handle_data(self, data: str) -> None:
        """Note a text."""
        self.text.append(data)


def read_words(page: bytes) -> str:
    """The page's text, blanks as one."""
    return " ".join(" ".join(Outline(page).text).split())


def test_a_page_says_what_was_looked_at_and_what_was_found() -> None:
    """Counts, coverage, verification, each finding's claim, evidence, remediation: all are in the text."""
    words = read_words(render_report(make_input()))
    finding = make_finding()
    for expected in (
        "3 findings", "1 critical", "2,700 listed", "committed 2,632", "101,912 read", "101,910 kept",
        "duplicates 2,186",
        "IAM activity is visible: us-east-1 was read.", "In doubt: 6 missing, 3 no digest.", "31 days of history",
        finding.title, finding.summary, "Privilege escalation", "confirmed", "iam-017", finding.evidence[2].event_id,
        "#9", "612 actions in all", "aws:MultiFactorAuthPresent", "The grant was used in 3 calls",
        "+60", "Denied, then granted, then used, by one lineage", "restore-1", "IAM > Roles > reporting-export",
        "60 attempts by 7 principals", "truncated_gzip", "whole archive", "PolicyTrail 0.1.0",
    ):  # fmt: skip
        assert expected in words, expected


def test_findings_come_in_the_published_order() -> None:
    """Cards follow the score whatever order they come in."""
    page = render_report(make_input())
    assert page == render_report(replace(make_input(), findings=list(reversed(make_input().findings))))
    assert [name for name in Outline(page).ids if re.fullmatch(r"finding-f-\w+", name)] == [
        "finding-f-3c9a71e04b52d8aa", "finding-f-91d0e2c35a7b4410", "finding-f-0b5c11aa90de3377",
    ]  # fmt: skip


def test_times_and_memory_of_the_run_do_not_change_the_page() -> None:
    """Two runs over the same archives give the same bytes."""
    run = make_run(timings_seconds={"ingest": 1.0}, peak_rss_bytes=1) | {
        "started_at": "2025-01-01T00:00:00Z",
        "finished_at": "2025-01-01T00:00:09Z",
    }
    assert render_report(make_input(run=run)) == render_report(make_input())


def test_the_policy_allows_this_style_and_nothing_else() -> None:
    """The hash in the policy is that of the one style element; there is no script and no other source."""
    page = render_report(make_input()).decode("utf-8")
    style = re.findall(r"<style>(.*?)</style>", page, re.DOTALL)
    assert len(style) == 1
    digest = base64.b64encode(hashlib.sha256(style[0].encode()).digest()).decode()
    policy = re.findall(r'<meta http-equiv="Content-Security-Policy" content="([^"]*)">', page)
    assert policy == [
        f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:; base-uri 'none'; form-action 'none'"
    ]
    assert page.index("Content-Security-Policy") < page.index("<style>") < page.index("<body>")
    assert "url(" not in style[0].replace("No url()", "")
    assert "@import" not in style[0]


def test_no_findings_come_with_what_was_looked_at() -> None:
    """Without IAM's region the page opens with that, and "No findings" is never alone."""
    coverage = build_coverage([make_account(region="eu-west-1")], verification=None)
    page = render_report(
        make_input(
            [],
            run=make_run(coverage=coverage, quarantine=[], quarantine_total=0),
            timeline=TIMELINE_SCHEMA.empty_table(),
            scores=SCORE_SCHEMA.empty_table(),
            principals=None,
            coverage=None,
        )
    )
    words = read_words(page).split("PolicyTrail report ", 1)[1]
    assert words.startswith("IAM activity is not visible here IAM events of partition aws are delivered in us-east-1")
    assert "No findings, but IAM activity was not seen. What was looked at: 1 account and 1 region: 3 archives" in words
    assert "No PutRolePolicy call is among the events that were read, and IAM activity is not visible here." in words
    assert "No principal-day was scored." in words
    assert "Nothing was quarantined" in words


def test_keys_are_masked_unless_asked() -> None:
    """A key id is nowhere in the page, not in a command either, unless it was asked for."""
    assert KEY.encode() not in render_report(make_input())
    assert KEY.encode() in render_report(make_input(show_keys=True))


@pytest.mark.parametrize("name", sorted(HOSTILE))
def test_a_hostile_value_in_every_field_stays_text(name: str) -> None:
    """The page keeps its own tags, attributes and links only, and holds no raw control character."""
    page = render_report(make_hostile_input([HOSTILE[name]]))
    outline = Outline(page)
    assert outline.tags <= TAGS
    assert outline.attributes <= ATTRIBUTES
    assert all(link.startswith("#") or link == "data:," for link in outline.links)
    assert {link[1:] for link in outline.links if link.startswith("#")} <= set(outline.ids)
    assert len(outline.ids) == len(set(outline.ids))
    assert {character for character in page.decode("utf-8") if clean_text(character) != character} <= {"\n"}
    assert "36481" not in read_words(page)  # 7*7*191: a template that had been evaluated


def test_all_hostile_values_on_one_page_are_shown() -> None:
    """Each value is there to be read, as its cleaned self."""
    values = [value for value in HOSTILE.values() if value.strip() and len(value) < 90]
    words = read_words(render_report(make_hostile_input(values)))
    missing = [value for value in values if " ".join(clean_text(value).split()) not in words]
    assert len(values) > 50
    assert missing == []


@settings(max_examples=40, deadline=None)
@given(st.text(st.characters(), max_size=80))
def test_any_text_renders(value: str) -> None:
    """No text makes the page fail or adds a tag to it."""
    outline = Outline(render_report(make_hostile_input([value])))
    assert outline.tags <= TAGS
    assert outline.attributes <= ATTRIBUTES


def test_megabytes_of_markup_do_not_swell_the_page() -> None:
    """A string of a megabyte in every field is cut, and said to be."""
    page = render_report(make_input([make_hostile_finding(MEGABYTE, number) for number in range(3)]))
    assert len(page) < 600_000
    assert b"more characters)" in page


def test_a_large_report_stays_openable() -> None:
    """Five hundred findings and fifty thousand attempts give a page below 5 MB that says what it left out."""
    findings = [make_finding(finding_id=f"f-{index}", score=index % 100) for index in range(500)]
    report = make_input(
        findings,
        timeline=make_timeline(50_000, people=300),
        scores=make_scores(120, people=300),
        coverage=make_coverage_table(24 * 90),
    )
    page = render_report(report)
    words = read_words(page)
    assert len(page) < 5_000_000
    assert words.count("Why this score") == MAX_CARDS
    assert f"{500 - MAX_CARDS} more findings are lines of the list above; findings.json holds all 500 in full." in words
    assert "250 of 50,000 attempts, those that matter most" in words
    assert "All 50,000 rows are in timeline.csv." in words
    assert re.search(r"50,000 attempts by 2,10\d principals; the 20 principals drawn made \d", words)
    assert "The 24 highest of 300 principals are drawn" in words


def test_swollen_cards_stop_before_the_page_does() -> None:
    """Cards that hostile values make large stop at the limit; the list still names every finding."""
    value = "<script>" * 250
    page = render_report(make_input([make_hostile_finding(value, number) for number in range(MAX_CARDS)]))
    shown = page.count(b"<article ")
    assert 0 < shown < MAX_CARDS
    assert len(page) < 5_000_000
    assert f"{MAX_CARDS - shown} more findings are lines of the list above" in read_words(page)


def test_a_run_that_does_not_add_up_gets_no_page() -> None:
    """The laws are checked before anything is shown."""
    run = make_run()
    run["records"]["read"] += 1
    with pytest.raises(ReportError, match="records read"):
        render_report(make_input(run=run))


def test_low_findings_are_folded_away_even_where_their_score_is_high() -> None:
    """What is of medium severity or above stands first and open; the rest is one click away, none is lost."""
    capped = make_finding(finding_id="f-capped", severity="low", score=99, title="capped by a rule")
    findings = [capped, *(make_finding(finding_id=f"f-{index}", score=50, severity="medium") for index in range(4))]
    page = render_report(make_input([*findings, make_attempt()])).decode("utf-8")
    words = read_words(page.encode())
    assert "4 of medium severity and above, in a line each" in words
    assert "2 of low severity, in a line each" in words
    folded = page.index("<details><summary>2 findings of low severity in full</summary>")
    assert page.index('id="finding-f-3"') < folded < page.index('id="finding-f-capped"')
    assert len(re.findall(r"<article ", page)) == 6


def test_a_report_from_the_lake_alone_shows_no_empty_counts() -> None:
    """Where nothing was read for it, the page says so instead of showing zeros."""
    run = make_run(sources=[], archives={}, records={}, quarantine=[], quarantine_total=0)
    words = read_words(render_report(make_input(run=run)))
    assert "Made from the lake as it is: no source was read for this report" in words
    assert "0 listed" not in words


def test_a_partition_that_was_not_seen_is_named_beside_one_that_was() -> None:
    """Where one partition's IAM region was read and another's was not, the banner says which."""
    accounts = [make_account(), make_account(region="cn-northwest-1")]
    words = read_words(render_report(make_input(run=make_run(coverage=build_coverage(accounts, verification=None)))))
    assert "IAM activity is not visible here: partition aws-cn IAM events of partition aws-cn are delivered in" in words


def test_an_attempt_is_not_shown_as_a_grant() -> None:
    """Its card says that nothing was granted, and whose permissions were to change."""
    words = read_words(render_report(make_input([make_attempt()])))
    assert "What it granted Nothing: the calls were denied." in words
    assert "Whose permissions were to change OrganizationAccountAccessRole" in words
    assert "a complete path to escalate" not in words


def test_one_is_one() -> None:
    """Counts of one are in the singular."""
    words = read_words(render_report(make_input([make_finding()], timeline=make_timeline(1))))
    assert "PolicyTrail: 1 finding " in words
    assert "1 attempt by 1 principal." in words


def test_prepared_templates_are_those_of_the_page() -> None:
    """Every template that the page includes is compiled beforehand: none is forgotten, none is another page's."""
    folder = Path(environment.__file__).parent / "templates"
    asked = {"report.html.j2", "card.html.j2"}
    for name in [*asked]:
        asked |= set(re.findall(r'{%-? (?:import|include|from) "([^"]+)"', (folder / name).read_text()))
    assert asked == set(environment.TEMPLATES)
    environment.prepare_templates(show_keys=False)
