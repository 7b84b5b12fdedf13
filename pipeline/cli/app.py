"""The command tree and its one place for errors.

What enters: argv. What leaves: an exit code. This is the only module where a broad ``except`` may stand: whatever
reaches it is told in a sentence, with the trace under ``--traceback``.
"""

from __future__ import annotations

import sys
import traceback
from typing import Annotated, Any

import typer

from pipeline import __version__
from pipeline.cli import account, evidence, main_job, reading, upkeep
from pipeline.errors import PipelineError

# typer's own usage errors (unknown option, missing argument); BadParameter is the public name of one of them.
_UsageProblem: Any = typer.BadParameter.__mro__[2]

app = typer.Typer(
    name="policytrail",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    help=(
        "Reads AWS CloudTrail archives and tells who changed what a role may do, who that was in truth, what came of "
        "it, and how unusual it was.\n\nStart with:  policytrail run s3://YOUR-TRAIL-BUCKET/AWSLogs/  and open "
        "report/report.html"
    ),
)


def _show_version(value: bool) -> None:
    if value:
        sys.stdout.write(f"policytrail {__version__}\n")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version and exit.")
    ] = False,
    show_traceback: Annotated[bool, typer.Option("--traceback", help="Show Python's trace of a failure.")] = False,
) -> None:
    """Hold the options that stand before the command."""


main_job.register(app)
reading.register(app)
upkeep.register(app)
evidence.register(app)
account.register(app)


def run_command(arguments: list[str] | None = None) -> None:
    """Run one command and exit: 0 done, 1 failed, 2 wrong use, 3 incomplete, 4 a finding reached ``--fail-on``."""
    from pipeline.cli.terminal import complain

    given = sys.argv[1:] if arguments is None else arguments
    try:
        code = app(args=given, prog_name="policytrail", standalone_mode=False)
    except typer.Exit as stop:
        code = stop.exit_code
    except _UsageProblem as error:
        error.show()
        code = error.exit_code
    except (KeyboardInterrupt, typer.Abort):
        complain("interrupted; what was committed stays, the next run goes on from there")
        code = 130
    except BrokenPipeError:
        sys.stderr.close()  # the reader went away: nothing to say, and no trace at interpreter exit
        code = 0
    except PipelineError as error:
        _show_trace(given)
        complain(str(error))
        code = error.exit_code
    except Exception as error:  # noqa: BLE001 - the program's last line of defence
        _show_trace(given)
        complain(f"unexpected {type(error).__name__}: {error} - this is a defect; --traceback shows where")
        code = 1
    sys.exit(code if isinstance(code, int) else 0)


def _show_trace(given: list[str]) -> None:
    if "--traceback" in given:
        from pipeline.report import clean_text

        sys.stderr.write("\n".join(clean_text(line) for line in traceback.format_exc().splitlines()) + "\n")
