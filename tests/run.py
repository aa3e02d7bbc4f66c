"""Run groups of tests, two at a time, with a line for each and the counts at the end.

run.py TARGET ...   targets of the Makefile, begun in this order

What each printed is kept in .cache/tests/<name>.log; of one that fails, the end is shown, and why once more at the end.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from pathlib import Path

ROOT = Path(__file__).parent.parent
LOGS = ROOT / ".cache" / "tests"
COLOURS = re.compile(r"\x1b\[[0-9;]*m")
# Ansible's and pytest's; Molecule draws a line in front of them.
REASONS = re.compile(r"^[ │]*((?:\[ERROR\]|FAILED |E  ).*)", re.MULTILINE)


def run(name: str) -> tuple[int, int, list[str]]:
    """Run one of the Makefile's targets; return how many of its tests passed and failed, and the last reasons why.

    A lint run counts as one test.
    """
    start = time.monotonic()
    log = LOGS / f"{name}.log"
    with log.open("w") as output:
        # Else Molecule breaks lines at 80 characters, and a reason in two.
        status = subprocess.run(
            ["make", "--no-print-directory", name],
            cwd=ROOT,
            env={"COLUMNS": "300"} | os.environ,
            stdout=output,
            stderr=subprocess.STDOUT,
            check=False,
        ).returncode
    text = COLOURS.sub("", log.read_text())
    passed, failed = (
        sum(int(count) for count in re.findall(rf"(\d+) {word}\b[^\n]* in [\d.]+", text))
        for word in ("passed", "failed")
    )
    if name == "lint" and status == 0:
        passed = 1
    if failed == 0 and (status != 0 or passed == 0):
        failed = 1
    print(f"{name:28}{passed:4} passed {failed:4} failed {time.monotonic() - start:6.0f} s", flush=True)
    if failed:
        print("\n".join(f"    {line}" for line in text.splitlines()[-80:]), flush=True)
    reasons = [f"{name}: {reason}"[:600] for reason in REASONS.findall(text)[-5:]] if failed else []
    return passed, failed, reasons


def main() -> None:
    """Run what is named and exit with 1 if anything failed."""
    LOGS.mkdir(parents=True, exist_ok=True)
    # Two scenarios of one moment would both make the images and the network, so these are made first.
    for suite in ("trixie", "bookworm"):
        subprocess.run([ROOT / "machines" / "build", suite], check=True)
    network = ["ansible-playbook", "machines/create.yml", "--extra-vars", '{"machines": []}']
    subprocess.run(network, cwd=ROOT, stdout=subprocess.DEVNULL, check=True)
    start = time.monotonic()
    with ThreadPoolExecutor(max_workers=2) as pool:
        counts = list(pool.map(run, sys.argv[1:]))
    subprocess.run(["docker", "network", "rm", "webstack-test"], capture_output=True, check=False)
    passed, failed, reasons = zip(*counts, strict=True)
    print("\n".join(["", *chain(*reasons)]))
    print(f"\nAll of it took {time.monotonic() - start:.0f} s.\n{sum(passed)} passed, {sum(failed)} failed")
    sys.exit(sum(failed) > 0)


if __name__ == "__main__":
    main()
