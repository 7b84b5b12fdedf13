"""The whole story of one finding, event, access key, principal or address.

What enters: a subject and a built lake. What leaves: a plain dictionary (``policytrail.explain/1``): who was behind it,
the session tree, what was granted, what was left behind, every event with its raw record. This job must never guess
silently: what a subject was taken for is said, and a raw record that cannot be proved is shown as such.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Sequence
from typing import Any

from pipeline.errors import UsageError
from pipeline.finding import Finding, format_time
from pipeline.findings import collect_findings
from pipeline.jobs.finding_changes import read_changes
from pipeline.jobs.finding_steps import add_steps
from pipeline.jobs.lake_access import open_job_lake
from pipeline.jobs.query import run_query
from pipeline.jobs.raw_records import read_raw_records
from pipeline.models import quote_text
from pipeline.settings import Settings

EXPLAIN_SCHEMA = "policytrail.explain/1"
EVENT_LIMIT = 200
"""Events listed of one subject; how many there are is always said."""

_KEY = re.compile(r"(AKIA|ASIA)[A-Z0-9]{12,124}$")
_EVENT_COLUMNS = (
    "event_time, event_id, recipient_account_id, event_source, event_name, aws_region, error_code, is_denied, "
    "user_identity_arn, user_identity_access_key_id, source_ip_address, user_agent, session_id, target_role_name, "
    "policy_name, issued_access_key_id, assumed_role_arn, archive_uri, archive_version, record_index, record_sha256"
)


def read_findings(lake_path: str, settings: Settings) -> list[Finding]:
    """Return the findings of the last build, in the public order."""
    tables = [
        run_query(lake_path, f"select * from {name}", settings)  # noqa: S608 - own names
        for name in ("fct_findings", "fct_finding_evidence", "fct_finding_reasons", "fct_escalation_chains")
    ]
    findings = collect_findings(*tables)
    return add_steps(findings, read_changes(open_job_lake(lake_path, settings), findings))[0]


def explain_subject(lake_path: str, subject: str, settings: Settings) -> dict[str, Any]:
    """Tell the whole story of a subject.

    Args:
        lake_path: a lake that is built.
        subject: a finding id, event id, access key id, principal (ARN or its name) or IP address.
        settings: how to reach S3 for the lake and for raw records.

    Returns:
        ``policytrail.explain/1``: subject, kind, findings, sessions, grants, left_behind, events (at most
        ``EVENT_LIMIT``, ``event_count`` says how many), each event with ``raw_record`` or ``raw_problem``.

    Raises:
        UsageError: nothing in the lake answers to the subject.
    """
    story = _Story(lake_path, settings)
    kind, findings, event_filter = story.recognise(subject)
    events = story.events(event_filter)
    if not events and not findings:
        raise UsageError(
            f"nothing in the lake answers to {subject!r}",
            hint="give a finding id, event id, access key id, principal ARN or name, or address",
        )
    sessions = story.sessions({event["session_id"] for event in events if event["session_id"]})
    ids = {row["session_id"] for row in sessions}
    return {
        "schema": EXPLAIN_SCHEMA,
        "subject": subject,
        "kind": kind,
        "findings": [finding.to_json() for finding in findings],
        "sessions": sessions,
        "grants": story.grants(ids),
        "left_behind": story.left_behind(ids),
        "event_count": story.count(event_filter),
        "events": story.with_raw_records(events),
    }


class _Story:
    """Asks the lake; every value from outside goes through ``quote_text``."""

    def __init__(self, lake_path: str, settings: Settings) -> None:
        self._lake = lake_path
        self._settings = settings

    def rows(self, statement: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = run_query(self._lake, statement, self._settings).to_pylist()
        return found

    def recognise(self, subject: str) -> tuple[str, list[Finding], str]:
        """Tell what the subject is: its kind, its findings, and the filter for its events."""
        findings = read_findings(self._lake, self._settings)
        own = [item for item in findings if subject == item.finding_id or subject in item.supersedes]
        if own:
            ids = sorted({evidence.event_id for item in own for evidence in item.evidence})
            return "finding", own, f"event_id in ({_quote_list(ids)})"
        if _KEY.match(subject):
            name = quote_text(subject)
            return "access_key", [], f"(user_identity_access_key_id = {name} or issued_access_key_id = {name})"
        if _is_address(subject):
            return "address", [], f"source_ip_address = {quote_text(subject)}"
        text = quote_text(subject)
        if self.rows(f"select 1 from events where event_id = {text} limit 1"):  # noqa: S608 - quoted
            touching = [item for item in findings if any(subject == entry.event_id for entry in item.evidence)]
            return "event", touching, f"event_id = {text}"
        touching = [item for item in findings if subject in (item.principal.arn, item.principal.actor_arn)]
        return (
            "principal",
            touching,
            (
                f"(user_identity_arn = {text} or session_issuer_arn = {text} or user_identity_user_name = {text}"
                f" or session_issuer_user_name = {text} or session_source_identity = {text})"
            ),
        )

    def events(self, where: str) -> list[dict[str, Any]]:
        return self.rows(
            f"select {_EVENT_COLUMNS} from stg_events where {where}"  # noqa: S608 - quoted
            f" order by event_time, recipient_account_id, event_id limit {EVENT_LIMIT}"
        )

    def count(self, where: str) -> int:
        return int(self.rows(f"select count(*) as n from stg_events where {where}")[0]["n"])  # noqa: S608 - quoted

    def sessions(self, session_ids: Iterable[str]) -> list[dict[str, Any]]:
        """Return the trees that the sessions belong to: every session with the same root, parents before children."""
        ids = sorted(session_ids)
        if not ids:
            return []
        return [
            _plain(row)
            for row in self.rows(
                "select l.session_id, l.principal_arn, l.root_session_id, l.root_principal_arn, l.hop_count,"  # noqa: S608 - quoted
                " l.confidence, l.path, l.edges, l.edge_event_ids, s.first_event_time, s.last_event_time, s.event_count"
                " from fct_lineage l join int_sessions s using (session_id)"
                " where l.lineage_rank = 1 and l.root_session_id in"
                f" (select root_session_id from fct_lineage where session_id in ({_quote_list(ids)}))"
                f" order by l.root_session_id, l.hop_count, s.first_event_time, l.session_id limit {EVENT_LIMIT}"
            )
        ]

    def grants(self, session_ids: set[str]) -> list[dict[str, Any]]:
        """Return every permission-changing attempt of those sessions, with what it added."""
        if not session_ids:
            return []
        return [
            _plain(row)
            for row in self.rows(
                "select w.event_time, w.event_id, w.event_name, w.principal_arn, w.target_arn, w.policy_name,"  # noqa: S608 - quoted
                " w.is_success, w.is_denied, d.tier, d.state, d.actions_added, d.actions_added_count"
                " from int_policy_writes w left join stg_policy_deltas d"
                " on w.recipient_account_id = d.recipient_account_id and w.event_id = d.event_id"
                f" where w.session_id in ({_quote_list(sorted(session_ids))})"
                " order by w.event_time, w.event_id, d.target_arn"
            )
        ]

    def left_behind(self, session_ids: set[str]) -> list[dict[str, Any]]:
        """Return what those sessions made that outlives them: users, roles, keys, passwords, trusts."""
        if not session_ids:
            return []
        return [
            _plain(row)
            for row in self.rows(
                "select event_time, event_id, event_name, write_kind, target_arn, issued_access_key_id"  # noqa: S608 - quoted
                " from int_policy_writes where is_success and (write_kind in ('credential', 'trust')"
                " or (write_kind = 'lifecycle' and write_verb = 'create'))"
                f" and session_id in ({_quote_list(sorted(session_ids))}) order by event_time, event_id"
            )
        ]

    def with_raw_records(self, events: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
        """Return the events with their raw records, read again from the archives and proved by hash."""
        uris = sorted({event["archive_uri"] for event in events})
        ledger = self.rows(f"select * from archives where archive_uri in ({_quote_list(uris)})") if uris else []  # noqa: S608 - quoted
        records = read_raw_records(events, ledger, self._settings)
        out = []
        for event, record in zip(events, records, strict=True):
            shown = _plain(event)
            shown["raw_record" if record.text is not None else "raw_problem"] = record.text or record.problem
            out.append(shown)
        return out


def _quote_list(values: Iterable[str]) -> str:
    return ", ".join(quote_text(value) for value in values) or "''"


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _plain(row: dict[str, Any]) -> dict[str, Any]:
    """Return the row with times as AWS writes them."""
    return {name: format_time(value) if hasattr(value, "astimezone") else value for name, value in row.items()}
