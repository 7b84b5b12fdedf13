"""The benchmark's pieces on a corpus of a few hundred events; nothing is timed."""

import json
from pathlib import Path

import pytest

from benchmarks.bench import make_line
from benchmarks.corpora import Corpus, make_corpus, make_trail, take_part
from benchmarks.measure import run_contender
from benchmarks.page import keep, render_bench, write_page


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    """Three hundred events in small archives."""
    return make_corpus("tiny", events=300, days=1, layout="small", build=tmp_path_factory.mktemp("build"))


def test_a_corpus_is_written_once_and_a_part_holds_its_own_count(corpus: Corpus, tmp_path: Path) -> None:
    """The same name gives the same corpus; a part counts what it links."""
    assert make_corpus("tiny", events=300, days=1, layout="small", build=corpus.folder.parents[2]) == corpus
    part = take_part(corpus, "part", 20_000, build=tmp_path)
    assert part.archives == len(list(part.folder.rglob("*.json.gz"))) < corpus.archives
    assert 20_000 <= part.inflated_bytes < corpus.inflated_bytes


def test_a_longer_trail_holds_the_shorter_one(tmp_path: Path) -> None:
    """Sizes differ in length only."""
    one, two = (make_trail(number, build=tmp_path, events=200) for number in (1, 2))
    names = [{path.name for path in trail.folder.rglob("*.json.gz")} for trail in (one, two)]
    assert names[0] < names[1]


@pytest.mark.parametrize("name", ["policytrail", "duckdb", "polars", "limit"])
def test_a_contender_makes_a_row_of_every_record(corpus: Corpus, tmp_path: Path, name: str) -> None:
    """Whoever loses records is no contender."""
    sample = run_contender(name, corpus.folder, corpus.records, tmp_path / "out")
    assert sample.answer["rows"] == corpus.records
    assert sample.peak_rss_bytes > 0


def test_the_page_ends_with_a_line_that_parses(tmp_path: Path) -> None:
    """The last line carries the ratios, from the rates of the same run."""
    rates = {"policytrail": 200.0, "chdb": 100.0, "limit": 400.0}
    rates |= {"policytrail_middle": 160.0, "duckdb": 16.0, "polars": 80.0}
    ways = {
        name: {
            "seconds": 1.0,
            "spread_seconds": [0.9, 1.1],
            "mb_per_second": rate,
            "events_per_second": 1000,
            "cpu_seconds_per_gb": 10.0,
            "peak_rss_bytes": 2**30,
            "json_mb": 1.0,
        }
        for name, rate in rates.items()
    }
    size = {"archives": 3, "events": 30, "json_mb": 1.0, "stored_mb": 0.1}
    figures = {
        "machine": {"processors": 2, "memory_gib": 8, "load_before": 0.0},
        "rounds": 5,
        "large_rounds": 7,
        "corpora": {"large": size, "middle": size, "small": size},
        "chdb_forms": {"array": 100.0},
        "ways": ways,
        "small": ways["policytrail"] | {"archives_per_second": 3000},
        "s3": {
            "objects": 3,
            "objects_per_second": 900,
            "bare_gets_per_second": {"boto3": 1000, "aiohttp": 3000},
            "fraction_of_boto3": 0.9,
            "fraction_of_aiohttp": 0.3,
        },
        "verify": {},
    }
    line = make_line(figures)
    assert (line["ratio_vs_duckdb"], line["ratio_vs_chdb"], line["fraction_of_limit"]) == (10.0, 2.0, 0.5)
    lines = render_bench(figures | {"line": line})
    assert json.loads(lines[-2]) == line
    keep(tmp_path / "results.json", "bench", figures | {"line": line})
    write_page(tmp_path / "results.json", tmp_path / "README.md")
    assert "make bench" in (tmp_path / "README.md").read_text()
