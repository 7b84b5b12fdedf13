"""The whole program over a bucket that an attacker filled: every member, every key, every way out.

Each output is read as its reader would: the page in chromium, cells as a spreadsheet takes them, text for what a
terminal would obey. What is told must be there; what controls or runs must not.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import re
import tarfile
import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow.parquet as pq
import pytest

from benchmarks.s3_static.server import serve
from benchmarks.s3_static.store import Store
from pipeline import open_lake
from pipeline.api import show_frames_cleaned
from pipeline.cli.app import run_command
from pipeline.jobs.case_format import pack_case
from tests.hostile_values import HOSTILE, MARKER, MEGABYTE, build_hostile_event, has_utf8_form
from tests.report.browser import listen, needs_chromium, visit
from tests.signed_corpus import make_corpus

ACCOUNT = "111122223333"
KEPT = ("eventTime", "eventID", "creationDate")
TOKEN = "FwoGZXIvYXdzEXAMPLETOKEN" + "A" * 60
KEY_ID = "ASIAIOSFODNN7EXAMPLE"
USED_KEY = "AKIAIOSFODNN7EXAMPL2"
NEVER = {"Cc", "Cf", "Cs", "Zl", "Zp"}
"""Unicode categories that control, reorder or hide; a line's end is the one exception."""

TOKENS: dict[str, dict[str, Any]] = {
    "answer": {"responseElements": {"credentials": {"accessKeyId": KEY_ID, "sessionToken": TOKEN}}},
    "deep": {"responseElements": {"a": [{"b": {"SessionToken": TOKEN}}]}},
    "express": {
        "eventSource": "s3express.amazonaws.com",
        "eventName": "CreateSession",
        "responseElements": {"credentials": {"secretAccessKey": f"S{TOKEN}", "sessionToken": TOKEN}},
    },
    "header": {"requestParameters": {"x-amz-security-token": TOKEN}},
    "list": {"requestParameters": {"X-Amz-Security-Token": [TOKEN]}},
    "message": {"errorMessage": f'failed for {{"sessionToken":"{TOKEN}"}}'},
    "text": {"requestParameters": {"body": f'{{"credentials":{{"sessionToken":"{TOKEN}"}}}}'}},
    "url": {"requestParameters": {"url": f"https://x/?X-Amz-Security-Token={TOKEN}&a=b"}},
    "snake": {"additionalEventData": {"SESSION_TOKEN": TOKEN}},
    "assigned": {"userAgent": f"x sessionToken={TOKEN}"},
    "object": {"responseElements": {"SESSIONTOKEN": {"deep": TOKEN}}},
    "service": {"serviceEventDetails": {"sessionToken": TOKEN}},
    "top": {"sessionToken": TOKEN},
}


def fill(value: Any, text: str) -> Any:
    """A record with the text in every string member and every key beside it, but for what makes it a record."""
    if isinstance(value, dict):
        return {
            **{name: item if name in KEPT else fill(item, text) for name, item in value.items()},
            f"key {text}": text,
        }
    if isinstance(value, list):
        return [fill(item, text) for item in value]
    return text if isinstance(value, str) else value


def name_file(value: str, number: int) -> str:
    """A file's name that holds as much of the value as a disk takes; half of them say CloudTrail's pattern first."""
    safe = value.replace("/", "\u2215").replace("\0", "0")[:50] if has_utf8_form(value) else "\udcff\udcfe"
    start = f"{ACCOUNT}_CloudTrail_us-east-1_20240305T10{number % 60:02d}Z_" if number % 2 else ""
    return f"{start}{safe}.json.gz"


def write_bucket(root: Path) -> Path:
    """Records, keys and broken archives, each with every hostile value."""
    folder = root / "AWSLogs" / ACCOUNT / "CloudTrail" / "us-east-1" / "2024" / "03" / "05"
    folder.mkdir(parents=True)
    records = []
    for number, value in enumerate(HOSTILE.values()):
        plain = build_hostile_event(value, event_id=f"{number:08d}-0000-4000-8000-000000000000")
        records += [plain, fill(plain, value) | {"eventID": f"{number:08d}-1111-4000-8000-000000000000"}]
    for name, members in TOKENS.items():
        records.append(build_hostile_event("plain", event_id=f"token-{name}") | members)
    records.append(build_hostile_event(f"role used with {USED_KEY}", event_id="used-key"))
    files = {"A": records, "B": [build_hostile_event(MEGABYTE, event_id="megabyte")]}
    for name, held in files.items():
        path = folder / f"{ACCOUNT}_CloudTrail_us-east-1_20240305T1015Z_{name}.json.gz"
        path.write_bytes(gzip.compress(json.dumps({"Records": held}).encode()))
    for number, value in enumerate(HOSTILE.values()):
        one = json.dumps({"Records": [build_hostile_event("plain", event_id=f"key-{number}")]}).encode()
        path = folder / name_file(value, number)
        path.write_bytes(gzip.compress(one) if number % 3 else f"broken {value}".encode("utf-8", "replace"))
    return root


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with ``bucket``, ``lake``, ``report`` and what the run said, in ``said``."""
    folder = tmp_path_factory.mktemp("hostile")
    write_bucket(folder / "bucket")
    with pytest.MonkeyPatch.context() as patch:
        out, err = io.StringIO(), io.StringIO()
        patch.setattr("sys.stdout", out)
        patch.setattr("sys.stderr", err)
        arguments = ["run", str(folder / "bucket"), "--lake", str(folder / "lake"), "--out", str(folder / "report")]
        with pytest.raises(SystemExit) as ended:
            run_command([*arguments, "--log-format", "json"])
    assert ended.value.code == 3, err.getvalue()
    (folder / "said").write_text(out.getvalue() + err.getvalue())
    return folder


def find_controls(text: str) -> set[str]:
    """Characters that no reader may be given raw."""
    return {f"U+{ord(one):04X}" for one in text if one != "\n" and unicodedata.category(one) in NEVER}


Say = Callable[..., str]


@pytest.fixture
def say(place: Path, capsys: pytest.CaptureFixture[str]) -> Say:
    """Run a command over the lake and return all that it printed."""

    def run(*arguments: str, lake: bool = True) -> str:
        with pytest.raises(SystemExit):
            run_command([*arguments, *(["--lake", str(place / "lake")] if lake else [])])
        printed = capsys.readouterr()
        return printed.out + printed.err

    return run


def test_everything_was_read_and_found(place: Path) -> None:
    """The corpus is no use where it is refused at the door: its records are events, and findings rest on them."""
    run = json.loads((place / "report" / "run.json").read_text())
    assert run["records"]["kept"] >= 2 * len(HOSTILE) + len(TOKENS) + 1
    assert run["records"]["quarantined"] == 0
    assert run["archives"]["quarantined"] >= len(HOSTILE) // 3 - 2
    assert len(json.loads((place / "report" / "findings.json").read_text())["findings"]) > 50


@pytest.mark.parametrize("name", ["report.html", "findings.json", "run.json", "timeline.csv", "scores.csv"])
def test_no_file_of_the_report_holds_a_raw_control(place: Path, name: str) -> None:
    """As text, in UTF-8; a CSV's rows end as rows do."""
    text = (place / "report" / name).read_bytes().decode()
    assert find_controls(text.replace("\r\n", "\n")) == set()
    assert len(text) > 500


@needs_chromium
def test_the_page_runs_and_loads_nothing(place: Path, tmp_path: Path) -> None:
    """Opened in a browser, the report's title is its own and only the page itself was asked for."""
    with listen() as listener:
        listener.pages["/report.html"] = (place / "report" / "report.html").read_bytes()
        seen = visit(f"{listener.url}/report.html", tmp_path)
        assert listener.paths == ["/report.html"]
    assert (seen.console, [url for url in seen.requested if "report.html" not in url]) == ([], [])
    title = re.search(r"<title>(.*?)</title>", seen.dom)
    assert title is not None and MARKER not in title[1] and "findings" in title[1]
    assert MARKER in seen.dom, "the values are shown, as text"


@pytest.mark.parametrize("name", ["timeline.csv", "scores.csv", "query"])
def test_no_cell_is_a_formula(place: Path, name: str, say: Say, monkeypatch: pytest.MonkeyPatch) -> None:
    """No cell but a number begins with what a spreadsheet computes."""
    csv.field_size_limit(2**30)
    path = place / "report" / name
    text = path.read_bytes().decode() if path.exists() else say("query", "from deliveries", "--format", "csv")
    cells = [cell for row in csv.reader(io.StringIO(text, newline="")) for cell in row]
    starts = "=+-@\t\r\n\uff1d\uff0b\uff0d\uff20"
    risky = [cell for cell in cells if cell.lstrip()[:1] in starts and cell.strip() and not _is_number(cell)]
    assert risky == []
    assert len(cells) > 500


def _is_number(cell: str) -> bool:
    return re.fullmatch(r"-?[0-9.]+(e-?[0-9]+)?", cell) is not None


@pytest.mark.parametrize(
    "arguments",
    [
        ("status",),
        ("quarantine",),
        ("quarantine", "--json"),
        ("query", "from deliveries"),
        ("query", "from deliveries", "--format", "json"),
        ("query", "from quarantine", "--format", "csv"),
        ("query", "select 1 as \"\x1b[31m\u202e<script>\", '\x1b]0;x\x07' as b"),
        ("query", 'from "\x1b[31m\u202e"'),
        ("explain", "00000003-1111-4000-8000-000000000000"),
        ("explain", "token-answer"),
        ("explain", "\x1b[31m\u202e"),
        ("explain", "key-1", "--json"),
    ],
    ids=lambda item: " ".join(item).encode("unicode_escape").decode()[:60],
)
def test_what_a_command_prints_controls_no_terminal(say: Say, arguments: tuple[str, ...]) -> None:
    """Tables, stories, JSON and errors, with hostile text in values, names and arguments."""
    text = say(*arguments)
    assert find_controls(text.replace("\r\n", "\n")) == set()
    assert len(text) > 20


def test_verify_and_sources_of_hostile_names_are_clean(place: Path, say: Say, tmp_path: Path) -> None:
    """Keys in verdicts, and paths that do not exist, in text and in JSON."""
    for arguments in (
        ("verify", str(place / "bucket")),
        ("verify", str(place / "bucket"), "--json"),
        ("verify", f"{tmp_path}/\x1b[31m\u202e"),
        ("run", f"{tmp_path}/\x1b[31m\u202e", "--lake", f"{tmp_path}/lake"),
        ("ingest", str(place / "bucket"), "--lake", f"{tmp_path}/\x1b[31mlake\u202e"),
    ):
        text = say(*arguments, lake=False)
        assert find_controls(text) == set(), arguments
        assert len(text) > 20


def test_what_the_run_said_is_clean(place: Path) -> None:
    """Log lines as JSON, and the summary."""
    text = (place / "said").read_text()
    assert find_controls(text) == set()
    assert [json.loads(line) for line in text.splitlines() if line.startswith("{")]


def test_no_token_is_in_lake_report_or_log(place: Path, say: Say) -> None:
    """Wherever it stood and however it was spelt: every file, columns decoded, and what explain reads again."""
    held = [place / "said", *(path for path in (place / "report").iterdir())]
    told = [path.read_text() for path in held] + [say("explain", f"token-{name}") for name in TOKENS]
    columns = 0
    for path in (place / "lake").rglob("*"):
        if path.suffix == ".parquet":
            table = pq.read_table(path)
            told += [str(table[name].to_pylist()) for name in table.column_names]
            columns += table.num_columns
        elif path.is_file():
            told.append(path.read_bytes().decode("latin-1"))
    assert [text[max(0, text.find(TOKEN[:24]) - 80) :][:160] for text in told if TOKEN[:24] in text] == []
    assert columns > 500


def test_key_ids_are_masked_in_the_page_unless_asked(place: Path, say: Say, tmp_path: Path) -> None:
    """Their kind and last four characters stay; --show-keys shows them whole."""
    page = (place / "report" / "report.html").read_text()
    masked = f"{USED_KEY[:4]}{'*' * (len(USED_KEY) - 8)}{USED_KEY[-4:]}"
    assert (KEY_ID in page, USED_KEY in page, masked in page) == (False, False, True)
    say("report", "--out", str(tmp_path / "report"), "--show-keys")
    assert USED_KEY in (tmp_path / "report" / "report.html").read_text()


def test_frames_are_shown_cleaned_and_hold_what_was_logged(place: Path) -> None:
    """As text and as HTML, column names too; a frame that polars derives is shown cleaned in a notebook."""
    with pl.Config(tbl_rows=-1, fmt_str_lengths=10_000):
        frame = open_lake(place / "lake").sql('select user_agent as "\x1b<img src=x>\u202e" from deliveries')
        for text in (str(frame), repr(frame), frame._repr_html_()):
            assert find_controls(text) == set()
        assert "<img" not in frame._repr_html_() and "&lt;script&gt;" in frame._repr_html_()
        assert set(frame[:, 0]) >= {value for value in HOSTILE.values() if value and has_utf8_form(value)}
        shell = _Shell()
        show_frames_cleaned(shell)
        derived = frame.filter(pl.lit(value=True))
        assert type(derived) is pl.DataFrame
        assert find_controls(shell.html(derived)) == set()
        assert "&lt;script&gt;" in shell.html(derived)


class _Shell:
    """As much of IPython as a frame is shown by."""

    def __init__(self) -> None:
        from IPython.core.formatters import DisplayFormatter

        self.display_formatter = DisplayFormatter()

    def html(self, frame: pl.DataFrame) -> str:
        """What a notebook is given, both forms."""
        data, _ = self.display_formatter.format(frame)  # type: ignore[no-untyped-call]
        return str(data["text/html"]) + str(data["text/plain"])


def test_keys_of_a_bucket_may_hold_anything(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """S3 takes any key: archives and digests of hostile names are read, judged and told, raw controls nowhere."""
    objects: dict[str, bytes] = {}
    for number, value in enumerate(value for value in HOSTILE.values() if has_utf8_form(value)):
        record = build_hostile_event("plain", event_id=f"key-{number}")
        body = gzip.compress(json.dumps({"Records": [record]}).encode()) if number % 2 else b"broken"
        stamp = f"20240305T10{number % 60:02d}"
        names = {
            "CloudTrail": f"{ACCOUNT}_CloudTrail_us-east-1_{stamp}Z_{value[:200]}.json.gz",
            "CloudTrail-Digest": f"{ACCOUNT}_CloudTrail-Digest_us-east-1_{value[:100]}_us-east-1_{stamp}00Z.json.gz",
        }
        for service, name in names.items():
            objects[f"AWSLogs/{ACCOUNT}/{service}/us-east-1/2024/03/05/{name}"] = body
        objects[f"{value[:300]}/{number}.json.gz"] = body
    keys = make_corpus(hours=2, backfilled=()).write_keys(tmp_path / "keys.json")
    lake, out = tmp_path / "lake", tmp_path / "report"
    with serve(Store.from_bytes(objects)) as (endpoint, _):
        reach = ["--endpoint-url", endpoint, "--keys", str(keys)]
        for arguments in (
            ["run", "s3://trail/", "--lake", str(lake), "--out", str(out), *reach],
            ["verify", "s3://trail/", *reach],
            ["verify", "s3://trail/", "--json", *reach],
            ["quarantine", "--lake", str(lake)],
        ):
            with pytest.raises(SystemExit) as ended:
                run_command(arguments)
            printed = capsys.readouterr()
            assert find_controls(printed.out + printed.err) == set(), arguments
            assert ended.value.code in (0, 3, None), printed.err
    told = json.loads((out / "run.json").read_text())
    assert told["archives"]["listed"] == len(objects)
    assert told["archives"]["failed"] == 0
    for path in out.iterdir():
        assert find_controls(path.read_bytes().decode().replace("\r\n", "\n")) == set()


def test_a_case_file_of_hostile_members_is_told_cleanly(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Names of members, and what a manifest claims, reach the terminal as text; nothing is written anywhere."""
    facts: dict[str, Any] = {"version": "\x1b[31m", "findings": ["\u202e\x1b]0;x\x07"], "notes": []}
    facts |= {"archives": [{"member": "a\x1b", "uri": "u\x1b[2J\u202e", "inflated_sha256": "x"}], "digests": []}
    facts |= {"events": []}
    buffer = io.BytesIO(pack_case({"findings.json": b"{}"}, facts))
    with tarfile.open(fileobj=buffer, mode="a") as tar:
        for number, value in enumerate(item for item in HOSTILE.values() if has_utf8_form(item) and "\0" not in item):
            tar.addfile(tarfile.TarInfo(f"../{number}{value[:60]}"), io.BytesIO())
    (tmp_path / "case.tar").write_bytes(buffer.getvalue())
    for form in ([], ["--json"]):
        with pytest.raises(SystemExit) as ended:
            run_command(["case", "verify", str(tmp_path / "case.tar"), *form])
        printed = capsys.readouterr()
        assert (ended.value.code, find_controls(printed.out + printed.err)) == (3, set())
    assert [path.name for path in tmp_path.iterdir()] == ["case.tar"]
