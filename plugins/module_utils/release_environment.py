"""How the virtual environment of a release is made, by the tool that makes it and what the source is installed from."""

from __future__ import annotations

import hashlib
import re
import shlex
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

# How packages are installed: what `installation` of plugin_utils/dependencies.py returns.
Installation = Mapping[str, Any]
# Runs a command and returns its status, its output and its errors.
Run = Callable[[list[str]], tuple[int, str, str]]

# The command of a package that is not called like it, and that another package may bring, too.
COMMANDS = {"pyuwsgi": "uwsgi"}
PIP = ".venv/bin/pip install --quiet --disable-pip-version-check"
# What uv and pip say where a package's own build fails.
NOT_BUILT = re.compile(
    r"Failed to build|Failed building wheel|build backend returned an error|subprocess-exited-with-error"
)
# What mysqlclient is built with. Debian's default-libmysqlclient-dev is MariaDB's, and would remove MySQL's server.
MYSQLCLIENT = ("gcc", "libmysqlclient-dev", "pkg-config", "python3-dev")
# Where Debian and Ubuntu keep the wheel of their pip.
WHEELS = "/usr/share/python-wheels"
# Its version changes with each kernel, and nothing of Python's is built against it.
NOT_BUILT_AGAINST = {"linux-libc-dev"}


def lines_file(name: str) -> str:
    """Return the file in a release from which lines of a lock are installed, and which is there no longer than that."""
    return f".installed-{name}.txt"


def install_commands(
    how: Installation, installer: str, uv: str, python: str, fallbacks: Sequence[str], seeds_pip: bool = False
) -> list[str]:
    """Return the shell commands that make `.venv` in the current folder and install what the source depends on.

    The source itself is not among it: what its own code does while it is installed is a build's business.
    `fallbacks` are requirements that are installed where the lock brings no command of their name. With `seeds_pip` an
    environment of uv's gets a pip, too.
    """
    make = f"{uv} venv --quiet --python {shlex.quote(python)}"
    install = f"{uv} pip install --quiet"
    if installer == "pip":
        make, install = f"{shlex.quote(python)} -m venv .venv", PIP
    method = how.get("method", "none")
    if method == "sync":
        commands = [f"{_sync(how, uv, python)} --no-install-project --no-install-workspace"]
    else:
        commands = [make, *(f"{install} {arguments}" for arguments in _arguments(how, installer))]
    commands += _further(how, installer, uv, install)
    names = [re.split(r"[^A-Za-z0-9_.-]", requirement, maxsplit=1)[0] for requirement in fallbacks]
    commands += [
        f"test -e .venv/bin/{COMMANDS.get(name, name)} || {install} {shlex.quote(requirement)}"
        for name, requirement in zip(names, fallbacks, strict=True)
    ]
    if seeds_pip and installer == "uv":
        commands.append(f"test -e .venv/bin/pip || {install} --no-index --find-links {WHEELS} pip")
    return commands


def _arguments(how: Installation, installer: str) -> list[list[str] | str]:
    """Return the arguments of each installation that a source's packages take."""
    method = how.get("method", "none")
    constraints = [word for path in how.get("constraints", []) for word in ("--constraint", path)]
    names = [word for extra in how.get("extras", []) for word in ("--extra", extra)]
    files: list[list[str]] = []
    # Of a pylock.toml a group goes by its name alone.
    place = f"{how['lock']}:" if method == "project" else ""
    groups = [word for group in how.get("groups", []) for word in ("--group", f"{place}{group}")]
    if method == "listed":
        files.append([word for path in how["requirements"] for word in ("--requirement", path)] + constraints)
    elif method == "pylock":
        files.append(["--requirement", how["lock"], *names, *groups])
    elif method == "project" and installer == "uv":
        files.append(["--requirement", how["lock"], *names, *groups, *constraints])
    for kind in how.get("locked", {}):
        if kind == "listed":
            files.append(["--requirement", lines_file(kind), *constraints])
        else:
            # A hash stands for the package wherever it comes from, so each index may have it.
            anywhere = ["--require-hashes", "--index-strategy", "unsafe-best-match"] if kind == "hashed" else []
            files.append(["--no-deps", *(anywhere if installer == "uv" else []), "--requirement", lines_file(kind)])
    return [shlex.join(words) for words in files]


def _further(how: Installation, installer: str, uv: str, install: str) -> list[str]:
    """Return the commands that install what an entry adds, which takes nothing of what is there away."""
    packages = how.get("packages", [])
    if not packages:
        return []
    freeze = f"{uv} pip" if installer == "uv" else ".venv/bin/pip --disable-pip-version-check"
    return [
        f"{freeze} freeze --exclude-editable > /tmp/installed.txt",
        f"{install} --constraint /tmp/installed.txt {shlex.join(packages)}",
    ]


def project_command(how: Installation, installer: str, uv: str, python: str) -> str:
    """Return the command that installs the source itself where it is a package, or an empty string.

    So are folders of the source that its lock names.
    """
    if how.get("method") == "sync":
        return f"{_sync(how, uv, python)} --inexact" + ("" if how["is_package"] else " --no-install-project")
    itself = f"./{how['folder']}" if how.get("folder") else "."
    wanted = [*how.get("local", []), *([itself] if how.get("is_package") else [])]
    if not wanted:
        return ""
    if installer == "uv":
        return f"{uv} pip install --quiet --no-deps {shlex.join(wanted)}"
    if how["method"] == "project":
        extras = f"[{','.join(how['extras'])}]" if how["extras"] else ""
        constraints = [word for path in how["constraints"] for word in ("--constraint", path)]
        return f"{PIP} --no-cache-dir {shlex.join([itself + extras, *constraints])}"
    return f"{PIP} --no-cache-dir --no-deps {shlex.join(wanted)}"


def scm_versions(revision: str) -> dict[str, str]:
    """Return the variables by which builds that ask git for a version have one: a release has no history."""
    version = f"0+{revision[:12]}"
    names = ("SETUPTOOLS_SCM_PRETEND_VERSION", "PDM_BUILD_SCM_VERSION")
    bypasses = ("POETRY_DYNAMIC_VERSIONING_BYPASS", "UV_DYNAMIC_VERSIONING_BYPASS")
    return dict.fromkeys([*names, *bypasses], version)


def _sync(how: Installation, uv: str, python: str) -> str:
    """Return the command that installs exactly what uv.lock says."""
    words = ["--python", python, "--no-default-groups"]
    if how["folder"]:
        words += ["--project", how["folder"]]
    if how["member"]:
        words += ["--package", how["member"]]
    words += [word for extra in how["extras"] for word in ("--extra", extra)]
    words += [word for group in how["groups"] for word in ("--group", group)]
    # It belongs to the release, wherever in the source the lock is.
    place = 'UV_PROJECT_ENVIRONMENT="$VIRTUAL_ENV" ' if how["folder"] else ""
    return f"{place}{uv} sync --quiet --frozen --no-editable {shlex.join(words)}"


def index_environment(indexes: Sequence[Mapping[str, Any]], installer: str) -> dict[str, str]:
    """Return the variables that tell a tool where packages come from, and no secret."""
    default = [str(index["url"]) for index in indexes if index.get("default")]
    others = " ".join(str(index["url"]) for index in indexes if not index.get("default"))
    one, more = ("UV_DEFAULT_INDEX", "UV_INDEX") if installer == "uv" else ("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL")
    return {"PIP_NO_INPUT": "1", **({one: default[-1]} if default else {}), **({more: others} if others else {})}


def logins(indexes: Sequence[Mapping[str, Any]]) -> str:
    """Return a netrc, on one line, that opens indexes. It is a secret.

    In a file that ends with the installation it stands neither on a command line, as the addresses do that pip hands
    to its builds, nor in what a tool says.
    """
    words = []
    for index in indexes:
        if index.get("password"):
            host = urlsplit(str(index["url"])).hostname or ""
            words += ["machine", host, "login", str(index["username"]), "password", str(index["password"])]
    return " ".join(words)


def with_logins(command: str) -> str:
    """Return a command that has the logins of the variable LOGINS as a netrc while it runs, in a `/tmp` of its own."""
    return f'(umask 077 && printf "%s\\n" "$LOGINS" > /tmp/.netrc) && unset LOGINS && {command}'


def bundle(number: int) -> str:
    """Return the file in a release that has a repository while packages are installed from it."""
    return f".installed-{number}.bundle"


def git_commands(addresses: Sequence[str]) -> list[str]:
    """Return the commands that have git take repositories from their bundles, wherever their addresses are written.

    They are told of in a home that ends with the installation.
    """
    commands = []
    for number, address in enumerate(addresses):
        place = f"/tmp/git/{number}"
        commands += [
            f"git clone --quiet --mirror {bundle(number)} {place}",
            # pip and uv ask for a commit by its name.
            f"git --git-dir={place} config uploadpack.allowAnySHA1InWant true",
            f"git config --global url.file://{place}.insteadOf {shlex.quote(address)}",
        ]
    return commands


def advice(said: Sequence[str]) -> str:
    """Return what helps where a package could not be built, by what its tool has said, or an empty string."""
    text = "\n".join(said)
    if not NOT_BUILT.search(text):
        return ""
    if re.search(r"mysqlclient|mysql_config|MYSQLCLIENT", text):
        return f" mysqlclient is built on the server, which needs packages: [{', '.join(MYSQLCLIENT)}]."
    return (
        " A package that has no wheel for this Python is built on the server: what that takes goes into packages, and "
        'a lock that is older than the Python wants one of its own time, by python of app_deploy, such as "3.11".'
    )


def calls(command: str, *names: str) -> bool:
    """Tell whether a command may call a program of one of these names, or of one with a version in it.

    To bring one that is not called after all costs little.
    """
    programs = "|".join(map(re.escape, names))
    return bool(re.search(rf"(?<![\w.-])(?<!uv )({programs})(\d+(\.\d+)?)?(?![\w.=/-])", command))


def cache_key(run: Run, python: str) -> str:
    """Return a name for what a wheel that is built here is built against.

    That is the interpreter and the packages with headers: a wheel that was made with others may not even load.
    """
    version = python
    if python.startswith("/"):
        _, version, _ = run([python, "-c", "import sys; print(sys.version, sys.base_prefix)"])
    _, packages, _ = run(["dpkg-query", "--show", "--showformat=${db:Status-Abbrev}${Package} ${Version}\\n", "*-dev"])
    lines = sorted(line for line in packages.splitlines() if line.startswith("ii"))
    built = [line for line in lines if line[2:].split()[0] not in NOT_BUILT_AGAINST]
    return hashlib.sha256("\n".join([version, *built]).encode()).hexdigest()[:16]


def compile_command(*places: str) -> str:
    """Return the command that compiles what is in folders.

    The user that runs the app may not write beside its code: what is not compiled here, each process compiles anew. It
    is a cache: nothing fails for want of it, neither for a file that is no valid Python nor for what root has left.
    """
    return f".venv/bin/python -I -W ignore -m compileall -qq -j 0 {' '.join(places)} || true"
