"""Tiny packages and indexes for tests of installations, which need no network then."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import subprocess
import sys
import sysconfig
import tarfile
from base64 import b64encode
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from zipfile import ZipFile


def wheel(folder: Path, name: str, version: str, requires: Sequence[str] = ()) -> str:
    """Make a wheel with one module in a folder, and return its SHA-256 as a lock has it."""
    folder.mkdir(parents=True, exist_ok=True)
    info = f"{name}-{version}.dist-info"
    needs = "".join(f"Requires-Dist: {requirement}\n" for requirement in requires)
    files = {
        f"{name}.py": f"VERSION = {version!r}\n",
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{needs}",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "".join(f"{path},,\n" for path in [*files, f"{info}/RECORD"])
    path = folder / f"{name}-{version}-py3-none-any.whl"
    with ZipFile(path, "w") as archive:
        for place, text in {**files, f"{info}/RECORD": record}.items():
            archive.writestr(place, text)
    return f"sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}"


BACKEND = """
from zipfile import ZipFile

def build_wheel(folder, *_):
    info = f"{NAME}-1.0.dist-info"
    with ZipFile(f"{folder}/{NAME}-1.0-py3-none-any.whl", "w") as archive:
        archive.writestr(f"{NAME}.py", "")
        archive.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\\nName: {NAME}\\nVersion: 1.0\\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
        archive.writestr(f"{info}/RECORD", f"{NAME}.py,,\\n")
    return f"{NAME}-1.0-py3-none-any.whl"
"""


def repository(folder: Path, name: str) -> str:
    """Make a git repository of a package that is built without anything else, and return its commit."""
    folder.mkdir()
    (folder / "backend.py").write_text(f"NAME = {name!r}\n{BACKEND}")
    (folder / "pyproject.toml").write_text(
        '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
        f'[project]\nname = "{name}"\nversion = "1.0"\n'
    )
    identity = {f"GIT_{who}_{what}": "x" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    for words in (["init", "--quiet"], ["add", "--all"], ["commit", "--quiet", "--message=one"], ["rev-parse", "HEAD"]):
        command = ["git", "-C", str(folder), *words]
        output = subprocess.run(command, env={**os.environ, **identity}, capture_output=True, text=True, check=True)
    return output.stdout.strip()


def index(folder: Path, wheels: Path) -> None:
    """Make a folder that is an index of wheels when it is served."""
    for path in wheels.glob("*.whl"):
        place = folder / path.name.partition("-")[0].replace("_", "-")
        place.mkdir(parents=True, exist_ok=True)
        (place / path.name).write_bytes(path.read_bytes())
        links = "".join(f'<a href="{file.name}">{file.name}</a>\n' for file in sorted(place.glob("*.whl")))
        (place / "index.html").write_text(f"<!DOCTYPE html>\n<html><body>{links}</body></html>\n")


@contextmanager
def served(folder: Path, username: str, password: str) -> Iterator[str]:
    """Serve a folder to whom knows a user and a password; yield its address."""
    wanted = "Basic " + b64encode(f"{username}:{password}".encode()).decode()

    class Handler(SimpleHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.headers.get("Authorization") == wanted:
                super().do_GET()
                return
            self.send_response(401)
            self.send_header("WWW-Authenticate", 'Basic realm="packages"')
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(folder)))
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
        server.server_close()


def python_mirror(folder: Path) -> tuple[str, dict[str, str]]:
    """Make a mirror of Pythons from the one that runs, and return its version and the variables that lead uv there."""
    version = ".".join(map(str, sys.version_info[:3]))
    short, machine = ".".join(version.split(".")[:2]), platform.machine()
    base = "https://github.com/astral-sh/python-build-standalone/releases/download"
    name = f"cpython-{version}+20260101-{machine}-unknown-linux-gnu-install_only_stripped.tar.gz"
    (folder / "20260101").mkdir(parents=True)
    unused = {"__pycache__", "site-packages", "dist-packages", "test", "idlelib", "tkinter", "ensurepip", "lib2to3"}

    def kept(member: tarfile.TarInfo) -> tarfile.TarInfo | None:
        path = Path(member.name)
        return None if unused & set(path.parts) or path.name.startswith("config-") else member

    with tarfile.open(folder / "20260101" / name, "w:gz", compresslevel=1) as tar:
        tar.add(Path(sys.executable).resolve(), f"python/bin/python{short}")
        for library in Path(sysconfig.get_config_var("LIBDIR") or "").glob(f"libpython{short}.so*"):
            tar.add(library, f"python/lib/{library.name}")
        tar.add(sysconfig.get_path("stdlib"), f"python/lib/python{short}", filter=kept)
    major, minor, patch = sys.version_info[:3]
    found = {
        "name": "cpython",
        "arch": {"family": machine, "variant": None},
        "os": "linux",
        "libc": "gnu",
        "major": major,
        "minor": minor,
        "patch": patch,
        "prerelease": "",
        "url": f"{base}/20260101/{name.replace('+', '%2B')}",
        "sha256": None,
        "variant": None,
        "build": "20260101",
    }
    (folder / "pythons.json").write_text(json.dumps({f"cpython-{version}-linux-{machine}-gnu": found}))
    return short, {
        "UV_PYTHON_INSTALL_MIRROR": folder.as_uri(),
        "UV_PYTHON_DOWNLOADS_JSON_URL": str(folder / "pythons.json"),
        "UV_PYTHON_DOWNLOADS": "automatic",
        # What the machine has does not count: it is the one that the distribution lacks.
        "UV_PYTHON_PREFERENCE": "only-managed",
    }
