"""What verification adds to ingest: the same command with and without it, in turns, from a folder and from S3.

What enters: sizes. What leaves: medians of processor and wall seconds of whole process trees, and their ratios. Each
run is a cold process into a new lake, as a user starts it; a ratio is the median over rounds of two runs in turn.
Use: ``python -m benchmarks.verify_overhead [typical | small]``.
"""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.process_tree import TreeCost, measure_tree
from benchmarks.verify import BUCKET, command_path, make_environment, serve_folder
from pipeline.simulate import Archive, Corpus, CorpusOptions, Signer, TrailName, make_digests, public_keys_answer

DAYS, SERIES, ROUNDS, SEED = 6, 2, 5, 900
TRAILS = {"typical": 600_000, "small": 150_000}
"""Layout -> events of the organisation that a trail is cut from: an archive an hour of some 70 kB stored, as a busy
account has; or some twelve an hour of ten records, the least favourable that is real."""
BUILD = Path("build/bench")


def measure_overhead(
    layout: str = "typical", *, events: int | None = None, days: int = DAYS, rounds: int = ROUNDS, build: Path = BUILD
) -> dict[str, Any]:
    """Measure ingest with and without verification over a signed trail of 2 accounts and 2 regions.

    Keys are saved ones for the folder; for S3, CloudTrail (a stub on loopback) is asked, as a run of a bucket does.

    Args:
        layout: of ``simulate``.
        events: of the organisation that the trail is cut from, about half of them in it; by default as TRAILS says.
        days: of hourly digests.
        rounds: runs of each kind.
        build: where the trail is kept.

    Returns:
        Sizes; for ``folder`` and ``s3`` what ``summarise`` says; and
        ``verify_overhead_ratio`` and ``verify_root_cpu_added``: the larger of the two.
    """
    from tests.servers.cloudtrail_stub import run_cloudtrail_stub

    trail = make_trail(layout, events or TRAILS[layout], days, build)
    facts, keys = (json.loads((trail / name).read_text()) for name in ("facts.json", "keys.json"))
    found: dict[str, Any] = {"trail": {"layout": layout, **facts}, "rounds": rounds}
    with serve_folder(trail / "bucket", 0) as endpoint, run_cloudtrail_stub(keys["PublicKeyList"]) as (cloudtrail, _):
        environment = make_environment(endpoint, cloudtrail)
        given = [str(trail / "bucket"), "--keys", str(trail / "keys.json")]
        for kind, arguments in (("folder", given), ("s3", [f"s3://{BUCKET}/"])):
            found[kind] = summarise(_take_turns(arguments, trail, facts, environment, rounds))
    sources = (found["folder"], found["s3"])
    return found | {
        "verify_overhead_ratio": max(one["cpu_ratio"] for one in sources),
        "verify_root_cpu_added": max(one["root_cpu_added"] for one in sources),
    }


def summarise(runs: Mapping[str, Sequence[TreeCost]]) -> dict[str, Any]:
    """Medians of both kinds in seconds, and the median over rounds of with over without, its spread beside it.

    The two runs of a round follow each other, so that what else the machine does weighs on both. Verification runs in
    the first process alone: ``root_cpu_added`` is what it has more of with verification, as a share of the whole tree
    without it, the steadier figure on a busy machine.
    """
    added = [one.root_cpu_seconds - other.root_cpu_seconds for one, other in zip(*runs.values(), strict=True)]
    found: dict[str, Any] = {
        "root_cpu_added": round(median(added) / median(cost.cpu_seconds for cost in runs["plain"]), 3)
    }
    for what in ("cpu", "wall"):
        with_it, without = ([getattr(cost, f"{what}_seconds") for cost in runs[name]] for name in ("verified", "plain"))
        found |= {f"{what}_verified": round(median(with_it), 3), f"{what}_plain": round(median(without), 3)}
        ratios = sorted(one / other for one, other in zip(with_it, without, strict=True))
        found[f"{what}_ratio"] = round(median(ratios), 3)
        found[f"{what}_spread"] = [round(ratios[0], 3), round(ratios[-1], 3)]
    return found


def make_trail(layout: str, events: int, days: int, build: Path) -> Path:
    """Return a folder with ``bucket/``, ``keys.json`` and ``facts.json``, written if it is not there yet."""
    root = build / f"signed-{layout}-{events}-{days}"
    if not (root / "facts.json").exists():
        shutil.rmtree(root, ignore_errors=True)
        kept = _write_archives(root / "bucket", layout, events, days)
        signer = make_signer()
        start = min(archive.delivered_at for archive in kept) // 86_400 * 86_400
        count = 0
        for digest in make_digests(kept, signer, TrailName(BUCKET), start):
            path = _write(root / "bucket", digest.key, digest.data)
            path.with_name(f"{path.name}.metadata.json").write_text(json.dumps(digest.metadata))
            count += 1
        (root / "keys.json").write_text(json.dumps(public_keys_answer(signer, start, start + (days + 2) * 86_400)))
        facts = {
            "archives": len(kept),
            "digests": count,
            "records": sum(archive.record_count for archive in kept),
            "json_mb": round(sum(archive.inflated_bytes for archive in kept) / 1e6, 1),
            "archive_kb": round(sum(archive.stored_bytes for archive in kept) / len(kept) / 1e3, 1),
        }
        (root / "facts.json").write_text(json.dumps(facts))
    return root


def make_signer() -> Signer:
    """A key of this run."""
    from cryptography.hazmat.primitives.asymmetric import rsa
    from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    key = rsa.generate_private_key(65537, 2048)
    public = key.public_key().public_bytes(Encoding.DER, PublicFormat.PKCS1)
    return Signer("fe" * 16, public, lambda data: key.sign(data, PKCS1v15(), SHA256()))


def _write_archives(bucket: Path, layout: str, events: int, days: int) -> list[Archive]:
    """The archives of the two busiest accounts in the two busiest regions of each; returned without their bytes."""
    held: dict[tuple[str, str], list[Archive]] = {}
    options = CorpusOptions(events, days, SEED, (), layout=layout, is_hashed=True)
    end = options.start.timestamp() + days * 86_400
    for archive in Corpus(options).archives():
        if archive.delivered_at >= end:
            continue  # a few come days late: their digests, of empty hours between, would outnumber the archives
        _write(bucket.with_name("all"), archive.key, archive.data)
        held.setdefault((archive.account_id, archive.region), []).append(replace(archive, data=b""))
    by_account: dict[str, list[list[Archive]]] = {}
    for (account, _), archives in held.items():
        by_account.setdefault(account, []).append(archives)
    for series in by_account.values():
        series.sort(key=_count, reverse=True)
    busiest = sorted(by_account.values(), key=lambda series: sum(map(_count, series[:SERIES])), reverse=True)[:SERIES]
    kept = [archive for series in busiest for archives in series[:SERIES] for archive in archives]
    for archive in kept:
        target = bucket / archive.key
        target.parent.mkdir(parents=True, exist_ok=True)
        (bucket.with_name("all") / archive.key).rename(target)
    shutil.rmtree(bucket.with_name("all"))
    return kept


def _count(archives: list[Archive]) -> int:
    return sum(archive.record_count for archive in archives)


def _write(bucket: Path, key: str, data: bytes) -> Path:
    path = bucket / key
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def _take_turns(
    arguments: Sequence[str], trail: Path, facts: Mapping[str, int], environment: Mapping[str, str], rounds: int
) -> dict[str, list[TreeCost]]:
    """Both kinds in turns, the first of each round changing; one run before that does not count warms the disk."""
    kinds = {"verified": ["--verify"], "plain": ["--no-verify"]}
    runs: dict[str, list[TreeCost]] = {name: [] for name in kinds}
    for number in range(rounds + 1):
        for name in sorted(kinds, reverse=number % 2 == 1):
            lake = trail / "lake"
            shutil.rmtree(lake, ignore_errors=True)
            command = [command_path("policytrail"), "ingest", *arguments, "--lake", str(lake), "--json", *kinds[name]]
            cost = measure_tree(command, environment=environment)
            check_run(json.loads(cost.said), facts, is_verified=name == "verified")
            if number:
                runs[name].append(cost)
    shutil.rmtree(lake)
    return runs


def check_run(told: Mapping[str, Any], facts: Mapping[str, int], *, is_verified: bool) -> None:
    """A run that read or verified less than all is no measurement.

    Raises:
        AssertionError: it did.
    """
    verified = told["verification"].get("verified", 0)
    expected = facts["archives"] + facts["digests"] if is_verified else 0
    if told["records"]["kept"] != facts["records"] or verified != expected:
        raise AssertionError(f"kept {told['records']['kept']} of {facts['records']}, verified {verified}")


if __name__ == "__main__":
    print(json.dumps(measure_overhead(*sys.argv[1:2]), indent=1))
