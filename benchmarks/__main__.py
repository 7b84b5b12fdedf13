"""``python -m benchmarks``: measure, print the table, write README.md; the last line is JSON."""

from __future__ import annotations

import argparse
import json

from benchmarks.bench import Sizes, measure_all
from benchmarks.page import FIGURES, keep, render_bench, write_page


def main() -> None:
    """Measure and show."""
    usual = Sizes()
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Ingest beside the alternatives.")
    parser.add_argument("--rounds", type=int, default=usual.rounds)
    parser.add_argument("--events", type=int, default=usual.large_events, help="of the large archives")
    parser.add_argument("--small-events", type=int, default=usual.small_events)
    parser.add_argument("--no-verify", action="store_true", help="leave the comparison with aws validate-logs out")
    parser.add_argument("--no-page", action="store_true", help="write no README.md: sizes other than the usual")
    given = parser.parse_args()
    sizes = Sizes(
        large_events=given.events,
        small_events=given.small_events,
        rounds=given.rounds,
        with_verify=not given.no_verify,
    )
    figures = measure_all(sizes)
    print("\n".join(render_bench(figures)))
    if not given.no_page:
        keep(FIGURES, "bench", figures)
        write_page()
    print(json.dumps(figures["line"]))


if __name__ == "__main__":
    main()
