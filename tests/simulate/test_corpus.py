"""A whole corpus: reproducible, counted, and shaped as trails are."""

from __future__ import annotations

import hashlib
import re
import subprocess
import sys
from collections import Counter
from typing import Any

import pytest

from pipeline.errors import UsageError
from pipeline.simulate import SCENARIOS, Corpus, CorpusOptions
from tests.simulate.conftest import Made, make

_HASH = """
import hashlib
from pipeline.simulate import Corpus, CorpusOptions
h = hashlib.sha256()
for a in Corpus(CorpusOptions(6000, 12, 3, ("stolen_key", "stack_roles"))).archives():
    h.update(a.key.encode()); h.update(a.data)
print(h.hexdigest())
"""


def _digest(**options: Any) -> str:
    text = hashlib.sha256()
    for archive in Corpus(CorpusOptions(**options)).archives():
        text.update(archive.key.encode() + archive.data)
    return text.hexdigest()


def test_the_same_seed_gives_the_same_bytes_in_another_process() -> None:
    """Keys and bytes depend on the options alone: not on the process, its hash seed or the clock."""
    scenarios = ("stolen_key", "stack_roles")
    here = _digest(events=6000, days=12, seed=3, scenarios=scenarios)
    there = subprocess.run(
        [sys.executable, "-c", _HASH], capture_output=True, text=True, check=True, env={"PYTHONHASHSEED": "7"}
    ).stdout.strip()
    assert here == there
    assert here != _digest(events=6000, days=12, seed=4, scenarios=scenarios)


def test_events_are_as_many_as_asked_and_deliveries_are_counted(full: Made, plain: Made) -> None:
    """Distinct events equal the number asked for (one more at most), and each repeat is counted."""
    for made, wanted in ((full, 9_000), (plain, 3_000)):
        delivery = made.corpus.delivery
        distinct = {(record["recipientAccountId"], record["eventID"]) for _, record in made.records}
        assert wanted <= delivery.event_count <= wanted + 1
        assert len(distinct) == delivery.event_count
        assert len(made.records) == delivery.event_count + delivery.duplicate_count
        assert delivery.duplicate_count > 0
        assert delivery.late_count > 0


def test_keys_have_the_layout_of_an_organisation_trail(full: Made) -> None:
    """Every key is AWS's, each only once, and names the account and region of its records."""
    shape = re.compile(
        r"AWSLogs/o-[0-9a-f]{10}/(\d{12})/CloudTrail/([a-z]+-[a-z]+-\d)/(\d{4}/\d\d/\d\d)/"
        r"\1_CloudTrail_\2_(\d{8})T\d{4}Z_[A-Za-z0-9]{16}\.json\.gz"
    )
    assert len({item.key for item in full.archives}) == len(full.archives)
    for item in full.archives:
        match = shape.fullmatch(item.key)
        assert match is not None, item.key
        assert match[3].replace("/", "") == match[4]
        assert item.data[4:8] == bytes(4), "gzip's time is zero"
    for item, record in full.records:
        assert record["recipientAccountId"] == item.account_id
        assert record["awsRegion"] == item.region


def test_some_events_lie_in_another_days_folder_and_files_are_unsorted(full: Made) -> None:
    """Delivery is late and unordered, as trails are."""
    strays = [
        record
        for item, record in full.records
        if record["eventTime"][:10].replace("-", "/") != "/".join(item.key.split("/")[5:8])
    ]
    assert len(strays) > 5
    times: dict[str, list[str]] = {}
    for item, record in full.records:
        times.setdefault(item.key, []).append(record["eventTime"])
    unsorted = sum(own != sorted(own) for own in times.values())
    assert 0 < unsorted < len(times)


def test_records_have_the_members_and_sizes_of_real_ones(full: Made) -> None:
    """Every record bears the members that all real ones bear; the average is that of real trails; versions mix."""
    needed = {
        "eventVersion", "userIdentity", "eventTime", "eventSource", "eventName", "awsRegion", "sourceIPAddress",
        "userAgent", "requestParameters", "responseElements", "requestID", "eventID", "readOnly", "eventType",
        "managementEvent", "recipientAccountId", "eventCategory",
    }  # fmt: skip
    assert all(needed <= record.keys() for _, record in full.records)
    average = sum(item.inflated_bytes for item in full.archives) / len(full.records)
    assert 1_250 < average < 1_650
    assert {record["eventVersion"] for _, record in full.records} == {"1.08", "1.09", "1.10", "1.11"}
    assert any(account.startswith("0") for account in full.corpus.org.accounts.values())


def test_iam_is_recorded_in_one_region_only(full: Made) -> None:
    """IAM is global: its events are in us-east-1, while others are spread."""
    regions = {record["awsRegion"] for _, record in full.records if record["eventSource"] == "iam.amazonaws.com"}
    assert regions == {"us-east-1"}
    assert {record["awsRegion"] for _, record in full.records} >= {"us-east-1", "eu-west-1", "us-west-2"}


def test_no_session_acts_before_it_is_issued_or_after_it_expires(full: Made) -> None:
    """A temporary key is used between its issuance and the end of its session, wherever the issuance is on record."""
    issued: dict[str, str] = {}
    for _, record in full.records:
        answer = record["responseElements"]
        if isinstance(answer, dict) and "credentials" in answer:
            issued[answer["credentials"]["accessKeyId"]] = record["eventTime"]
    early = [
        record["eventName"]
        for _, record in full.records
        if record["eventTime"] < issued.get(record["userIdentity"].get("accessKeyId", ""), "")
    ]
    assert len(issued) > 200
    assert early == []


def test_the_routine_holds_refusals_and_people_in_many_places(full: Made) -> None:
    """Denials, several kinds of callers and AWS's own services are all in the background."""
    kinds = Counter(record["userIdentity"].get("type") for _, record in full.records)
    assert {"AssumedRole", "IAMUser", "AWSService", "SAMLUser", "WebIdentityUser", "AWSAccount"} <= kinds.keys()
    denied = sum("errorCode" in record for _, record in full.records)
    assert 5 < denied < 0.05 * len(full.records)


def test_short_corpora_plant_nothing(plain: Made) -> None:
    """Below eleven days there is no history to judge by: no scenario, no label."""
    assert plain.corpus.labels == []
    assert plain.corpus.labels_json()["instances"] == []


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"events": 0}, "at least 1"),
        ({"layout": "huge"}, "no layout 'huge'"),
        ({"scenarios": ("own_role",)}, "no scenario 'own_role'"),
        ({"days": 5, "scenarios": ("stolen_key",)}, "11 days or more"),
    ],
)
def test_wrong_options_are_refused_with_a_sentence(options: dict[str, Any], message: str) -> None:
    """An option out of range says what it should have been."""
    with pytest.raises(UsageError, match=re.escape(message)):
        Corpus(CorpusOptions(**{"events": 100, "days": 14, "seed": 1} | options))


def test_only_what_is_asked_for_is_planted() -> None:
    """Names choose scenarios; instances are numbered."""
    made = make(scenarios=("stolen_key", "denied_put"), instances=2)
    assert [label.instance for label in made.corpus.labels] == [
        "stolen_key-1", "stolen_key-2", "denied_put-1", "denied_put-2",
    ]  # fmt: skip
    assert set(SCENARIOS) > {"stolen_key", "denied_put"}
