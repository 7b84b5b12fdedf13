"""What a person sees: progress bars or log lines on stderr, tables on stdout.

What enters: counts and tables. What leaves: text without raw control characters. This module must never let a string
from a log reach the terminal, rich's markup included, before ``clean_text``.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TextIO

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bars
from rich.table import Table
from rich.text import Text

from pipeline.cli.options import LogFormat
from pipeline.jobs.progress import Progress, Silent
from pipeline.report import clean_text

LOG_EVERY_SECONDS = 5.0


class BarProgress:
    """Draws a bar a stage on a terminal.

    Drawing begins with the first stage: it takes a thread, beside which a process is not to be forked.
    """

    def __init__(self, bars: Bars) -> None:
        self._bars = bars
        self._tasks: dict[str, TaskID] = {}

    def start(self, stage: str, total: int | None = None, unit: str = "") -> None:
        """Show the stage's bar."""
        self._bars.start()
        label = f"{stage} ({unit})" if unit else stage
        self._tasks[stage] = self._bars.add_task(label, total=total)

    def advance(self, stage: str, amount: int = 1) -> None:
        """Move the bar on."""
        if stage in self._tasks:
            self._bars.advance(self._tasks[stage], amount)

    def finish(self, stage: str) -> None:
        """Complete the bar."""
        task = self._tasks.get(stage)
        if task is not None:
            done = next(item.completed for item in self._bars.tasks if item.id == task)
            self._bars.update(task, total=max(done, 1), completed=max(done, 1))

    def note(self, message: str) -> None:
        """Print a line above the bars."""
        self._bars.console.print(Text(clean_text(message)))


class LogProgress:
    """Writes a line when a stage starts, every few seconds, and when it ends."""

    def __init__(self, stream: TextIO, form: LogFormat) -> None:
        self._stream = stream
        self._form = form
        self._done: dict[str, int] = {}
        self._total: dict[str, int | None] = {}
        self._last = 0.0

    def start(self, stage: str, total: int | None = None, unit: str = "") -> None:
        """Log the start."""
        self._done[stage], self._total[stage] = 0, total
        self._write("start", stage, f"{total} {unit}".strip() if total is not None else unit)

    def advance(self, stage: str, amount: int = 1) -> None:
        """Log now and then."""
        self._done[stage] = self._done.get(stage, 0) + amount
        if time.monotonic() - self._last >= LOG_EVERY_SECONDS:
            self._write("progress", stage)

    def finish(self, stage: str) -> None:
        """Log the end."""
        self._write("done", stage)

    def note(self, message: str) -> None:
        """Log a note."""
        self._write("note", "", message)

    def _write(self, event: str, stage: str, message: str = "") -> None:
        self._last = time.monotonic()
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        done, total, message = self._done.get(stage), self._total.get(stage), clean_text(message)
        if self._form is LogFormat.JSON:
            row = {"time": now, "event": event, "stage": stage, "done": done, "total": total, "message": message}
            print(json.dumps({key: value for key, value in row.items() if value not in (None, "")}), file=self._stream)
        else:
            count = "" if done is None else f" {done:,}" + (f"/{total:,}" if total else "")
            print(f"{now} {event:8} {stage}{count} {message}".rstrip(), file=self._stream)
        self._stream.flush()


@contextmanager
def show_progress(form: LogFormat) -> Iterator[Progress]:
    """Yield a ``Progress``: bars where stderr is a terminal and text was asked for, log lines otherwise."""
    if form is LogFormat.TEXT and sys.stderr.isatty():
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        bars = Bars(*columns, console=Console(stderr=True))
        try:
            yield BarProgress(bars)
        finally:
            bars.stop()
    else:
        yield LogProgress(sys.stderr, form)


def silent() -> Progress:
    """Return a ``Progress`` that shows nothing."""
    return Silent()


def show_table(columns: Sequence[str], rows: Sequence[Sequence[object]], *, title: str = "", note: str = "") -> None:
    """Print a table on stdout, every cell cleaned; ``note`` goes beneath it."""
    console = Console(soft_wrap=False)
    table = Table(title=Text(clean_text(title)) if title else None, title_justify="left", header_style="bold")
    for name in columns:
        table.add_column(Text(clean_text(name)), overflow="fold")
    for row in rows:
        table.add_row(*(Text("" if cell is None else clean_text(str(cell))) for cell in row))
    console.print(table)
    if note:
        console.print(Text(clean_text(note)))


def say(text: str = "") -> None:
    """Print one line on stdout, cleaned."""
    Console(soft_wrap=True).print(Text(clean_text(text)))


def say_json(value: object) -> None:
    """Print a JSON document on stdout; ``ensure_ascii`` keeps control and bidi characters escaped."""
    sys.stdout.write(json.dumps(value, indent=1, ensure_ascii=True, default=str) + "\n")


def complain(text: str) -> None:
    """Print one line on stderr, cleaned."""
    sys.stderr.write(f"policytrail: {clean_text(text)}\n")
