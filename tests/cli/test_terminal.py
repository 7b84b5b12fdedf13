"""What reaches the terminal is clean, whatever a log holds."""

from __future__ import annotations

import io
import json

import pytest

from pipeline.cli.options import LogFormat, TableFormat
from pipeline.cli.results import write_result
from pipeline.cli.terminal import LogProgress, say, show_table
from tests.hostile_values import HOSTILE

CONTROLS = [chr(code) for code in (*range(0x20), 0x7F, *range(0x80, 0xA0)) if chr(code) != "\n"]
BIDI = [chr(code) for code in (*range(0x202A, 0x202F), *range(0x2066, 0x206A))]


def assert_clean(text: str) -> None:
    """No control or bidi character but line ends."""
    assert not [mark for mark in (*CONTROLS, *BIDI) if mark in text]


def hostile_texts() -> list[str]:
    """The corpus as texts, long ones cut."""
    return [str(value)[:2000] for value in HOSTILE.values()]


def test_tables_and_lines_are_clean(capsys: pytest.CaptureFixture[str]) -> None:
    """Hostile values in cells, headings and lines come out visible and harmless."""
    for text in hostile_texts():
        show_table(["a", text], [[text, None]], title=text, note=text)
        say(text)
    assert_clean(capsys.readouterr().out)


def test_log_lines_are_clean_and_json() -> None:
    """A log line is one line; as JSON each parses."""
    for form in LogFormat:
        stream = io.StringIO()
        progress = LogProgress(stream, form)
        for text in hostile_texts():
            progress.start("reading", 3, "objects")
            progress.note(text)
            progress.advance("reading", 3)
            progress.finish("reading")
        assert_clean(stream.getvalue())
        if form is LogFormat.JSON:
            events = [json.loads(line)["event"] for line in stream.getvalue().splitlines()]
            assert set(events) == {"start", "note", "done"} | ({"progress"} & set(events))


def test_csv_cells_are_no_formulas() -> None:
    """`query --format csv` neutralises what a spreadsheet would run; JSON stays exact."""
    import pyarrow as pa

    table = pa.table({"=cmd": ["=1+1", "-2", "plain"], "n": [1, -2, 3], "l": [["=x"], [], None]})
    out = io.StringIO()
    write_result(table, TableFormat.CSV, out)
    assert out.getvalue() == '\'=cmd,n,l\n\'=1+1,1,"[""=x""]"\n\'-2,-2,[]\nplain,3,\n'
    out = io.StringIO()
    write_result(table, TableFormat.JSON, out)
    assert json.loads(out.getvalue().splitlines()[0]) == {"=cmd": "=1+1", "n": 1, "l": ["=x"]}
