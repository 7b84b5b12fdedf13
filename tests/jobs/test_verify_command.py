"""`policytrail verify` as a user calls it: form of --json, the table, exit codes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.signed_corpus import ACCOUNTS, HOUR, REGIONS, START, make_corpus

COMMAND = Path(sys.executable).with_name("policytrail")


@pytest.mark.skipif(not COMMAND.exists(), reason="the command is not installed beside this Python")
def test_verify_prints_verdicts_and_ends_with_3(tmp_path: Path) -> None:
    """JSON as published, every object in it; a table of what is in doubt, its control characters escaped; code 3."""
    corpus = make_corpus(hours=2, accounts=ACCOUNTS[:1], regions=REGIONS[:1], backfilled=())
    evil = corpus.put_archive(ACCOUNTS[0], REGIONS[0], START + HOUR / 2, name="EVIL\x1b[31m")
    folder, keys = corpus.write(tmp_path / "bucket"), corpus.write_keys(tmp_path / "keys.json")
    base = [str(COMMAND), "verify", str(folder), "--keys", str(keys)]
    shown = subprocess.run(base, capture_output=True, text=True, timeout=120, check=False)
    assert shown.returncode == 3
    assert "\x1b" not in shown.stdout
    assert "unlisted" in shown.stdout
    assert "6 verified" in shown.stdout
    printed = subprocess.run([*base, "--json"], capture_output=True, text=True, timeout=120, check=False)
    document = json.loads(printed.stdout)
    assert printed.returncode == 3
    assert list(document) == ["schema", "objects", "counts"]
    assert document["schema"] == "policytrail.verify/1"
    assert document["counts"]["verified"] == 6
    assert len(document["objects"]) == len(corpus.objects) == 7
    doubtful = [item for item in document["objects"] if item["verdict"] != "verified"]
    assert [(sorted(item), item["kind"], item["verdict"]) for item in doubtful] == [
        (["detail", "kind", "uri", "verdict"], "archive", "unlisted")
    ]
    (folder / evil).unlink()
    clean = subprocess.run(base, capture_output=True, text=True, timeout=120, check=False)
    assert (clean.returncode, clean.stdout) == (0, "6 archives and digests: 6 verified\n")
