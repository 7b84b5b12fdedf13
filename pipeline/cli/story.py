"""``explain`` for a person: the story as text, in the order in which a responder asks.

What enters: the dictionary of ``jobs.explain``. What leaves: clean text on stdout. This module must never leave out
what the JSON form holds without saying so.
"""

from __future__ import annotations

from typing import Any

from pipeline.cli.terminal import say, show_table
from pipeline.report import mask_keys

SHOWN_EVENTS = 50


def show_story(story: dict[str, Any], *, show_keys: bool) -> None:
    """Print the story; access key ids are masked unless ``show_keys``."""

    def text(value: object) -> str:
        return str(value) if show_keys else mask_keys(str(value))

    say(text(f"{story['kind'].replace('_', ' ')} {story['subject']}: {story['event_count']:,} events"))
    for finding in story["findings"]:
        _show_finding(finding, text)
    _show_sessions(story["sessions"], text)
    if story["grants"]:
        rows = [
            [
                grant["event_time"],
                grant["event_name"],
                text(grant["target_arn"]),
                text(grant["policy_name"] or ""),
                "done" if grant["is_success"] else "denied" if grant["is_denied"] else "failed",
                grant["tier"],
                text(", ".join(grant["actions_added"] or ())),
            ]
            for grant in story["grants"]
        ]
        show_table(["when", "call", "target", "policy", "outcome", "tier", "added"], rows, title="What was granted")
    if story["left_behind"]:
        rows = [
            [item["event_time"], item["event_name"], text(item["target_arn"]), text(item["issued_access_key_id"] or "")]
            for item in story["left_behind"]
        ]
        show_table(["when", "call", "what", "key"], rows, title="What it left behind")
    _show_events(story, text)


def _show_finding(finding: dict[str, Any], text: Any) -> None:
    say()
    say(text(f"{finding['severity'].upper()} {finding['score']} {finding['class']} ({finding['status']})"))
    say(text(finding["title"]))
    say(text(finding["summary"]))
    for reason in finding["reasons"]:
        say(text(f"  {reason['points']:+4d}  {reason['code']}: {reason['text']}"))
    for edge in finding["chain"]:
        say(text(f"  {edge['from']} --{edge['edge']} {edge['confidence']}--> {edge['to']}  [{edge['event_id']}]"))


def _show_sessions(sessions: list[dict[str, Any]], text: Any) -> None:
    if not sessions:
        return
    say()
    say("Session tree")
    for row in sessions:
        step = f" <- {row['edges'][-1]} {row['confidence']:.2f} [{row['edge_event_ids'][-1]}]" if row["edges"] else ""
        say(
            text(
                f"{'  ' * (row['hop_count'] + 1)}{row['principal_arn']}  {row['first_event_time']} to "
                f"{row['last_event_time']}, {row['event_count']} events{step}"
            )
        )


def _show_events(story: dict[str, Any], text: Any) -> None:
    events = story["events"]
    say()
    for event in events[:SHOWN_EVENTS]:
        outcome = event["error_code"] or "ok"
        say(text(f"{event['event_time']} {event['event_name']} {outcome} by {event['user_identity_arn']}"))
        say(text(f"  event {event['event_id']} from {event['source_ip_address']} with {event['user_agent']}"))
        say(text(f"  {event['archive_uri']} record {event['record_index']}"))
        raw = event.get("raw_record")
        say(text(f"  {raw}" if raw is not None else f"  raw record not shown: {event['raw_problem']}"))
    hidden = story["event_count"] - min(len(events), SHOWN_EVENTS)
    if hidden:
        say(f"{hidden:,} more events; --json lists the first {len(events):,}, `query` all")
