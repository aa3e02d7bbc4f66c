"""Check the collection as it is built with ansible-test, on the Python and the ansible-core that this is run with.

What ansible-test may find is in ignore-<version of ansible-core>.txt, each line with its reason.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
BIN = Path(sys.executable).parent
PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"
# In the place of a script that ansible-test would fetch from its own server: Python has a pip that fetches another one.
GET_PIP = """
import subprocess
import sys

packages = [argument for argument in sys.argv[1:] if not argument.startswith("--no-")]
for command in (["ensurepip"], ["pip", "install", *packages]):
    subprocess.run([sys.executable, "-m", *command], check=True)
"""


def home(folder: Path) -> None:
    """Make a home for ansible-test, with the user's settings of pip and with what it would fetch."""
    if (settings := Path.home() / ".config").is_dir():
        (folder / ".config").symlink_to(settings)
    cache = folder / ".ansible/test/cache"
    cache.mkdir(parents=True)
    (package,) = getattr(find_spec("ansible_test"), "submodule_search_locations", [])
    source = (Path(package) / "_internal/python_requirements.py").read_text()
    for version in re.findall(r"\bpip='([\d.]+)'", source):
        (cache / f"get_pip_{version.replace('.', '_')}.py").write_text(GET_PIP)


def main() -> None:
    """Check the collection and exit as ansible-test does."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        home(folder)
        found = {"HOME": name, "PATH": f"{BIN}:{os.environ['PATH']}", "ANSIBLE_COLLECTIONS_PATH": name}
        environment = os.environ | found
        galaxy = ["ansible-galaxy", "collection"]
        subprocess.run([*galaxy, "build", f"--output-path={name}"], cwd=ROOT, env=environment, check=True)
        (archive,) = folder.glob("*.tar.gz")
        install = [*galaxy, "install", "--offline", "--no-deps", str(archive)]
        subprocess.run(install, cwd=name, env=environment, check=True)
        collection = folder / "ansible_collections/foobar/webstack"
        (collection / "tests/sanity").mkdir(parents=True)
        for file in HERE.glob("ignore-*.txt"):
            shutil.copy(file, collection / "tests/sanity")
        test = ["ansible-test", "sanity", f"--python={PYTHON}", "--color=no"]
        sys.exit(subprocess.run(test, cwd=collection, env=environment, check=False).returncode)


if __name__ == "__main__":
    main()
