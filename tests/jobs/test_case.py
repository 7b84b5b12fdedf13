"""Case files: what goes in comes out, and nothing that was changed passes."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import shutil
import tarfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import UsageError
from pipeline.jobs.case_create import CaseReport, create_case
from pipeline.jobs.case_format import MANIFEST, pack_case, unpack_case
from pipeline.jobs.case_verify import verify_case
from pipeline.jobs.run import RunRequest, run_once
from pipeline.jobs.status import lake_status
from pipeline.settings import Settings
from tests.signed_corpus import ACCOUNTS, HOUR, REGIONS, START, make_corpus

FACTS = {"version": "1", "findings": ["f"], "archives": [], "digests": [], "events": [], "notes": []}
POLICY = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}


@given(st.dictionaries(st.from_regex(r"[a-z]{1,8}/[a-z]{1,8}\.json", fullmatch=True), st.binary(max_size=50)))
def test_members_come_back(members: dict[str, bytes]) -> None:
    """Whatever is packed is unpacked the same, and the same members give the same bytes in any order."""
    data = pack_case(members, FACTS)
    assert data == pack_case(dict(reversed(members.items())), FACTS)
    manifest, found, problems = unpack_case(data)
    assert (found, problems, manifest["findings"]) == (members, [], ["f"])


def rebuild(data: bytes, **changed: bytes | None) -> bytes:
    """The tar with members' bytes changed, or left out for ``None``; ``__`` in a name stands for a slash."""
    out = io.BytesIO()
    with tarfile.open(fileobj=io.BytesIO(data)) as old, tarfile.open(fileobj=out, mode="w") as new:
        for info in old:
            stream = old.extractfile(info)
            assert stream is not None
            content = changed.get(info.name.replace("/", "__"), stream.read())
            if content is not None:
                info.size = len(content)
                new.addfile(info, io.BytesIO(content))
    return out.getvalue()


def test_changed_missing_and_added_members_are_told() -> None:
    """Each member is what the manifest says, or is named."""
    data = pack_case({"a/x": b"1", "a/y": b"2", "a/z": b"3"}, FACTS)
    broken = rebuild(data, a__x=b"changed", a__y=None)
    buffer = io.BytesIO(broken)
    with tarfile.open(fileobj=buffer, mode="a") as tar:
        tar.addfile(tarfile.TarInfo("a/extra"), io.BytesIO())
    _, found, problems = unpack_case(buffer.getvalue())
    assert found == {"a/z": b"3"}
    assert problems == [
        "a/extra: the manifest does not name it",
        "a/x: its SHA-256 is not the one in the manifest",
        "a/y: the manifest names it, and it is not there",
    ]


def test_hostile_members_are_never_read(tmp_path: Path) -> None:
    """Links, devices, paths that lead outside and second members of a name are told, and nothing is written."""
    buffer = io.BytesIO(pack_case({"a/x": b"1"}, FACTS))
    with tarfile.open(fileobj=buffer, mode="a") as tar:
        for name, kind in (("link", tarfile.SYMTYPE), ("hard", tarfile.LNKTYPE), ("dev", tarfile.CHRTYPE)):
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, "/etc/passwd"
            tar.addfile(info)
        for name in ("../../escape", "/absolute", "a/x"):
            info = tarfile.TarInfo(name)
            info.size = 1
            tar.addfile(info, io.BytesIO(b"!"))
    _, found, problems = unpack_case(buffer.getvalue())
    assert found == {"a/x": b"1"}
    assert sorted(text.partition(":")[0] for text in problems) == [
        "../../escape",
        "/absolute",
        "a/x",
        "dev",
        "hard",
        "link",
    ]


@pytest.mark.parametrize("data", [b"", b"no tar", b"\0" * 1024, pack_case({}, FACTS | {"archives": [{"member": 1}]})])
def test_what_is_no_case_file(data: bytes) -> None:
    """Anything else is wrong use, said in a sentence."""
    with pytest.raises(UsageError, match="no case file"):
        unpack_case(data)


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, CaseReport, Path]:
    """A run over signed archives with one finding, and its case file."""
    folder = tmp_path_factory.mktemp("case")
    corpus = make_corpus(hours=3, accounts=ACCOUNTS[:1], regions=REGIONS[:1], backfilled=())
    at = START + 3 * HOUR + HOUR / 2
    grant = corpus.put_archive(
        ACCOUNTS[0],
        REGIONS[0],
        at,
        eventSource="iam.amazonaws.com",
        eventName="PutRolePolicy",
        requestParameters={"roleName": "app", "policyName": "p", "policyDocument": json.dumps(POLICY)},
        responseElements=None,
    )
    corpus.put_digest(ACCOUNTS[0], REGIONS[0], START + 4 * HOUR, [grant], corpus.digests[ACCOUNTS[0], REGIONS[0]][-1])
    corpus.write(folder / "bucket")
    keys = corpus.write_keys(folder / "keys.json")
    settings, lake, out = Settings(), str(folder / "lake"), folder / "report"
    outcome = run_once(RunRequest((str(folder / "bucket"),), lake, out, keys=keys), settings)
    assert outcome.exit_code == 0
    (finding,) = outcome.report.findings
    made = create_case(lake, [finding.finding_id], folder / "case.tar", settings, keys_file=keys, report_folder=out)
    return folder / "case.tar", made, keys


def test_a_case_holds_what_the_finding_rests_on(case: tuple[Path, CaseReport, Path]) -> None:
    """One archive, its digest with metadata, the key, the ledger's rows, the finding, the report."""
    file, made, keys = case
    assert (dict(made.counts), made.notes) == ({"archives": 1, "digests": 1, "events": 1, "keys": 1}, ())
    with tarfile.open(file) as tar:
        names = [info.name for info in tar]
        assert {(info.mtime, info.uid, info.uname) for info in tar} == {(0, 0, "")}
    assert names[0] == MANIFEST
    assert [name.partition("/")[0] for name in names[1:]] == [
        "archives",
        "digests",
        "digests",
        "findings.json",
        "keys.json",
        "ledger.json",
        "report.html",
    ]
    for keys_file in (None, keys):
        found = verify_case(file, Settings(), keys_file=keys_file)
        assert (found.exit_code, [item for item in found.checks if not item.is_good]) == (0, [])
        assert bool(found.notes) == (keys_file is None), "keys from the case itself are a note"
        assert {item.kind for item in found.checks} == {"member", "digest", "archive", "ledger", "event", "findings"}


def test_a_case_is_not_overwritten_and_needs_known_findings(case: tuple[Path, CaseReport, Path]) -> None:
    """A second case of that name is refused, and so is a finding that is not there."""
    file, _, keys = case
    lake = str(file.parent / "lake")
    with pytest.raises(UsageError, match="exists"):
        create_case(lake, ["x"], file, Settings(), keys_file=keys)
    with pytest.raises(UsageError, match="no such finding"):
        create_case(lake, ["x"], file.with_name("other.tar"), Settings(), keys_file=keys)


def forge(file: Path, change: str) -> bytes:
    """A case whose manifest fits a change: whoever can write the file can do that too."""
    data = file.read_bytes()
    manifest, members, _ = unpack_case(data)
    facts = {name: value for name, value in manifest.items() if name not in ("schema", "members")}
    if change == "archive":
        item = facts["archives"][0]
        inflated = gzip.decompress(members[item["member"]]).replace(b"PutRolePolicy", b"GetRolePolicy")
        members[item["member"]] = gzip.compress(inflated)
        item["inflated_sha256"] = hashlib.sha256(inflated).hexdigest()
    elif change == "signature":
        name = facts["digests"][0]["metadata_member"]
        members[name] = json.dumps({"signature": "ab" * 256}).encode()
    elif change == "event":
        facts["events"][0]["event_id"] = "another"
    elif change == "record":
        facts["events"][0]["record_sha256"] = "ab" * 32
    elif change == "findings":
        document = json.loads(members["findings.json"])
        document["findings"][0]["evidence"][0]["event_id"] = "invented"
        members["findings.json"] = json.dumps(document).encode()
    elif change in ("finding_name", "finding_time"):
        document = json.loads(members["findings.json"])
        document["findings"][0]["evidence"][0]["event_" + change[8:]] = "2026-03-01T00:00:00Z"
        members["findings.json"] = json.dumps(document).encode()
    elif change == "manifest_findings":
        facts["findings"] = ["another"]
    elif change == "event_name":
        facts["events"][0]["event_name"] = "GetRolePolicy"
    elif change == "event_time":
        facts["events"][0]["event_time"] = "2026-03-01T00:00:00Z"
    elif change == "swapped":
        item = facts["archives"][0]
        other = gzip.compress(b'{"Records":[]}')
        members[item["member"]] = other
        item |= {"archive_sha256": hashlib.sha256(other).hexdigest(), "verification": None}
        item["inflated_sha256"] = hashlib.sha256(b'{"Records":[]}').hexdigest()
    elif change.startswith("ledger"):
        document = json.loads(members["ledger.json"])
        if change == "ledger_row":
            document["rows"][0]["record_kept_count"] = 7
        elif change == "ledger_verdict":
            document["rows"][0]["verification"] = "mismatch"
        elif change == "ledger_chain":
            document["rows"][0]["previous_chain_sha256"] = "0" * 64
        elif change == "ledger_head":
            document["head"]["is_intact"] = False
        elif change == "ledger_row_gone":
            document["rows"] = []
        elif change == "ledger_row_twice":
            document["rows"] = [document["rows"][0] | {"record_kept_count": 7}, *document["rows"]]
        members["ledger.json"] = b"" if change == "ledger_gone" else json.dumps(document).encode()
    elif change == "digest_gone":
        del members[facts["digests"][0]["member"]]
    return pack_case(members, facts)


@pytest.mark.parametrize(
    ("change", "kinds"),
    [
        ("archive", {"archive", "ledger", "event", "findings"}),
        ("swapped", {"ledger", "event", "findings"}),
        ("event_name", {"event", "findings"}),
        ("event_time", {"event", "findings"}),
        ("finding_name", {"findings"}),
        ("manifest_findings", {"findings"}),
        ("finding_time", {"findings"}),
        ("ledger_row", {"ledger"}),
        ("ledger_verdict", {"ledger"}),
        ("ledger_chain", {"ledger"}),
        ("ledger_head", {"ledger"}),
        ("ledger_row_gone", {"ledger"}),
        ("ledger_row_twice", {"ledger"}),
        ("ledger_gone", {"ledger"}),
        ("signature", {"digest", "archive"}),
        ("event", {"event", "findings"}),
        ("record", {"event", "findings"}),
        ("findings", {"findings"}),
        ("digest_gone", {"digest", "archive"}),
    ],
)
def test_a_forged_case_fails(case: tuple[Path, CaseReport, Path], tmp_path: Path, change: str, kinds: set[str]) -> None:
    """A manifest that was made to fit does not help: signatures, hashes and records are computed anew."""
    file, _, keys = case
    forged = tmp_path / "forged.tar"
    forged.write_bytes(forge(file, change))
    found = verify_case(forged, Settings(), keys_file=keys)
    assert found.exit_code == 3
    assert {item.kind for item in found.checks if not item.is_good} == kinds


@pytest.mark.parametrize("change", ["changed", "gone", "added", "manifest"])
def test_a_case_that_was_edited_fails(case: tuple[Path, CaseReport, Path], tmp_path: Path, change: str) -> None:
    """A member with other bytes, without one, with one more; a manifest with another hash."""
    file, _, keys = case
    data = file.read_bytes()
    if change == "changed":
        data = rebuild(data, **{"report.html": b"<p>Nothing happened.</p>"})
    elif change == "gone":
        data = rebuild(data, **{"report.html": None})
    elif change == "manifest":
        with tarfile.open(fileobj=io.BytesIO(data)) as tar:
            stream = tar.extractfile(MANIFEST)
            assert stream is not None
            manifest = json.loads(stream.read())
        manifest["members"][0]["sha256"] = "0" * 64
        data = rebuild(data, **{MANIFEST: json.dumps(manifest).encode()})
    else:
        buffer = io.BytesIO(data)
        with tarfile.open(fileobj=buffer, mode="a") as tar:
            tar.addfile(tarfile.TarInfo("../report.html"), io.BytesIO())
        data = buffer.getvalue()
    edited = tmp_path / "edited.tar"
    edited.write_bytes(data)
    found = verify_case(edited, Settings(), keys_file=keys)
    assert found.exit_code == 3
    assert "member" in {item.kind for item in found.checks if not item.is_good}


def test_a_ledger_that_was_tampered_with_is_told(case: tuple[Path, CaseReport, Path], tmp_path: Path) -> None:
    """One count changed in the lake's own table: status names the row, a case made of it says so and fails."""
    file, made, keys = case
    lake = tmp_path / "lake"
    shutil.copytree(file.parent / "lake", lake)
    before = lake_status(lake, Settings())
    assert (before.ledger_broken_at, before.ledger_row_count > 4, len(before.ledger_chain_sha256)) == (None, True, 64)
    (path,) = [path for path in (lake / "archives").rglob("*.parquet") if pq.read_metadata(path).num_rows > 4]
    table = pq.read_table(path)
    at = table.schema.get_field_index("record_kept_count")
    counts = table.column(at).to_pylist()
    counts[2] += 1
    pq.write_table(table.set_column(at, table.schema.field(at), pa.array(counts, table.schema.field(at).type)), path)
    assert lake_status(lake, Settings()).ledger_broken_at == 2
    again = create_case(str(lake), made.findings, tmp_path / "case.tar", Settings(), keys_file=keys)
    assert any("ledger was tampered with" in note for note in again.notes)
    failed = [item for item in verify_case(again.file, Settings(), keys_file=keys).checks if not item.is_good]
    assert "ledger.json" in {item.subject for item in failed}
