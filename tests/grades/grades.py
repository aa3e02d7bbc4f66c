"""What those who grade websites say of a site on a machine that no name in the world leads to."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

from tests.playbook import ENVIRONMENT
from tests.visitors import Machine

REQUIREMENTS = Path(__file__).parent / "requirements.txt"
OBSERVATORY = "@mdn/mdn-http-observatory"
OBSERVATORY_VERSION = "1.4.8"
# Node asks the system for names; it is told the address of any, before the program starts.
RESOLVER = """
const dns = require("dns");
dns.lookup = (name, options, callback) => {
  const done = callback || options;
  return options.all ? done(null, [{address: process.env.ADDRESS, family: 4}]) : done(null, process.env.ADDRESS, 4);
};
"""


def sslyze(host: str, address: str) -> list[str]:
    """Return in what a site does not comply with Mozilla's intermediate configuration, by sslyze.

    A CA that the world does not know is always one of them, under `certificate_path_validation`.
    """
    uv = ["uv", "run", "--quiet", "--no-project", "--isolated", "--with-requirements", str(REQUIREMENTS)]
    target = f"{host}:443{{{address}}}"
    done = subprocess.run(
        [*uv, "python", "-m", "sslyze", "--mozilla_config=intermediate", target],
        env={**os.environ, **ENVIRONMENT},
        capture_output=True,
        text=True,
        check=False,
    )
    said, _, verdict = done.stdout.partition(f"{host}:443: ")
    assert re.match(r"(OK|FAILED) - ", verdict), said + done.stderr
    return [finding for line in verdict.splitlines() for finding in re.findall(r"^ +\* (.*\w.*)$", line)]


def testssl(grader: Machine, host: str, address: str, ca: str) -> dict[str, dict[str, str]]:
    """Return the findings of testssl.sh by their ids, on a machine where that is installed.

    A finding has a `severity`, such as LOW, and a `finding`. `ca` is the root of the site's certificate, as PEM.
    """
    folder = "/root/testssl"
    grader.shell(f"rm -rf {folder} && mkdir {folder} && cat > {folder}/ca.pem <<'PEM'\n{ca}\nPEM")
    # Its status is how many findings there are. Those who renew at a third of 90 days need no warning before.
    grader.shell(
        f"cd {folder} && DAYS2WARN1=20 DAYS2WARN2=10 testssl --quiet --color 0 --warnings batch --ip {address} "
        f"--add-ca ca.pem --jsonfile found.json {host} > log 2>&1 || true"
    )
    found = json.loads(grader.shell(f"cat {folder}/found.json || tail -n 50 {folder}/log >&2"))
    return {finding["id"]: finding for finding in found}


def install_observatory(folder: Path) -> None:
    """Install MDN's observatory into a folder, where nothing of it may run."""
    words = ["--ignore-scripts", "--no-audit", "--no-fund", "--prefix", str(folder)]
    subprocess.run(["npm", "install", *words, f"{OBSERVATORY}@{OBSERVATORY_VERSION}"], check=True, capture_output=True)
    (folder / "resolver.cjs").write_text(RESOLVER)
    # A script of its own would fetch the list, in which no test's name is.
    (folder / "node_modules" / OBSERVATORY / "conf/hsts-preload.json").write_text("{}")


def observatory(folder: Path, host: str, address: str, ca: Path) -> dict[str, Any]:
    """Return what MDN's observatory, which is in a folder, says of a site: `scan` with the score, and `tests`.

    `ca` is a file with the root of the site's certificate.
    """
    scan = folder / "node_modules" / OBSERVATORY / "src/scan.js"
    done = subprocess.run(
        ["node", "--require", str(folder / "resolver.cjs"), str(scan), host],
        env={**os.environ, "ADDRESS": address, "NODE_EXTRA_CA_CERTS": str(ca)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return dict(json.loads(done.stdout))
