"""`make demo`: simulated archives with planted attacks, on an S3 server of its own, and the main job run on them.

What enters: a folder to work in (default build/demo). What leaves: that folder with archives, lake and report. It
talks to loopback only and runs the same command that a user would.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

from pipeline.jobs.simulate import simulate_archives
from tests.servers import make_test_client, run_s3_server, upload_folder

EVENTS, DAYS, SEED = 20_000, 14, 20
BUCKET = "demo-trail"
ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "AKIADEMODEMODEMODEMO",
    "AWS_SECRET_ACCESS_KEY": "made-up",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_EC2_METADATA_DISABLED": "true",
}


def main(folder: Path) -> int:
    """Simulate, upload, run, say what was planted and what was found; returns the exit code."""
    shutil.rmtree(folder, ignore_errors=True)
    archives, lake, report = folder / "archives", folder / "lake", folder / "report"
    say(f"1. Simulating {EVENTS:,} events of {DAYS} days, with attacks planted, in {archives}")
    simulate_archives(archives, events=EVENTS, days=DAYS, seed=SEED, scenarios=["demo"])
    with run_s3_server() as endpoint:
        client = make_test_client(endpoint)
        client.create_bucket(Bucket=BUCKET)
        client.close()
        count = upload_folder(endpoint, BUCKET, archives / "AWSLogs", prefix="AWSLogs/")
        say(f"2. Uploaded {count:,} archives to s3://{BUCKET} on an S3 server of its own")
        call = ["run", f"s3://{BUCKET}/AWSLogs/", "--endpoint-url", endpoint, "--lake", str(lake), "--out", str(report)]
        say(f"3. policytrail {' '.join(call)}\n")
        command = [sys.executable, "-c", "from pipeline.cli import main; main()", *call]
        done = subprocess.run(command, env={**os.environ, **ENVIRONMENT}, check=False)
    if done.returncode not in (0, 3):
        say(f"the run ended with code {done.returncode}")
        return done.returncode
    return compare(archives, report)


def compare(archives: Path, report: Path) -> int:
    """Say which planted attacks became findings; 1 if one of them did not."""
    labels = json.loads((archives / "labels.json").read_text())["instances"]
    findings = json.loads((report / "findings.json").read_text())["findings"]
    missed = []
    say("\n4. What was planted, and what was found:")
    for label in labels:
        grants = set(label["grant_event_ids"])
        hits = [item for item in findings if grants & {entry["event_id"] for entry in item["evidence"]}]
        loud = [item for item in hits if item["severity"] not in ("low", "info")]
        if label["is_quiet"]:
            verdict = "stays quiet" if not loud else "IS LOUD"
        else:
            verdict = f"{hits[0]['severity']} {hits[0]['class']}, {hits[0]['finding_id']}" if hits else "MISSED"
        if (label["is_quiet"] and loud) or (not label["is_quiet"] and not hits):
            missed.append(label["scenario"])
        say(f"   {label['scenario']:32} {verdict}")
    classes = Counter(item["class"] for item in findings)
    say(f"\n{len(findings)} findings: " + ", ".join(f"{count} {name}" for name, count in sorted(classes.items())))
    say(f"Open {report / 'report.html'}")
    say(f"Ask  .venv/bin/policytrail query --lake {report.parent / 'lake'} 'select * from fct_role_policy_timeline'")
    return 1 if missed else 0


def say(text: str) -> None:
    """Print a line at once."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path("build/demo")))
