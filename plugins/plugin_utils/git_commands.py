"""Git as this machine's user has it: its commands, its words where one fails, and its mirrors of repositories."""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import shlex
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType

NOTHING: Mapping[str, str] = MappingProxyType({})
# Where the branch that a repository names as its own is kept, which may change.
DEFAULT = "refs/webstack/HEAD"
# What ssh or a server says, and what to do about it.
ADVICE = {
    "REMOTE HOST IDENTIFICATION HAS CHANGED": "if its owner has renewed it, remove the old one: ssh-keygen -R {host}",
    "Host key verification": (
        "compare the host's key with what its owner publishes, and add it on this machine: ssh-keyscan {host} >> "
        "~/.ssh/known_hosts"
    ),
    "Permission denied (": "load a key that may read the repository into ssh-agent, or name its file as key_file",
    "terminal prompts disabled": "use an address for SSH, or a credential helper of git, as nobody is asked here",
}


class SourceError(Exception):
    """The source can't be had; the text is one sentence for the user, `said` what a command has said last."""

    def __init__(self, sentence: str, said: Sequence[str] = ()) -> None:
        """Say why."""
        super().__init__(sentence)
        self.said = list(said)


class SourceMistake(SourceError):
    """The source was had, and the entry does not fit it: check.yml refuses that, too."""


@contextmanager
def locked(file: Path) -> Iterator[None]:
    """Let one process or thread of this machine at a time do what a file stands for."""
    with file.open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def host_of(repo: str) -> str:
    """Return the host of a repository's address as ssh-keyscan takes it, with its port where it names one."""
    url = re.match(r"ssh://(?:[^@/]*@)?([^:/]+)(?::(\d+))?", repo)
    short = re.match(r"(?:[^@/]*@)?([^:/]+):", repo)
    if url and url[2]:
        return f"-p {url[2]} {url[1]}"
    found = url or short
    return found[1] if found else "<host>"


def git_reason(errors: str, host: str = "<host>") -> str:
    """Return why git failed, in one line: what ssh or the server said comes before git's own words and its advice.

    `host` is where the repository is, for what is to be done about it.
    """
    words = re.sub(r"//[^/@\s]+@", "//", errors.partition("\nPlease make sure")[0])  # an address may hold a token
    lines = [line.strip().strip("@").strip().removeprefix("fatal: ") for line in words.splitlines()]
    # ssh's banner of a changed key ends where the fingerprint stands.
    lines = lines[next((number for number, line in enumerate(lines) if re.match("The fingerprint", line)), 0) :]
    said = " ".join(line for line in lines if line and not line.startswith(("Cloning into", "Warning:")))[-600:]
    advice = next((f" To do: {what.format(host=host)}." for word, what in ADVICE.items() if word in errors), "")
    return f"{said.rstrip('.')}.{advice}" if advice else said


def git(
    *arguments: str,
    folder: Path | None = None,
    told: str = "",
    success: Sequence[int] = (0,),
    environment: Mapping[str, str] = NOTHING,
    host: str = "<host>",
) -> str:
    """Run git in a folder and return its output without the last newline; raise SourceError with git's last words.

    `told` is its input, `environment` further variables, `host` what it asks. Names that are no UTF-8 come through.
    """
    try:
        result = subprocess.run(
            ["git", *arguments],
            cwd=folder,
            input=told,
            capture_output=True,
            text=True,
            errors="surrogateescape",
            # Its words are looked for what to do.
            env={**os.environ, "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C.UTF-8", **environment},
            check=False,
        )
    except FileNotFoundError:
        raise SourceError("git is not installed on this machine: install it to deploy.") from None
    if result.returncode not in success:
        command = next(word for word in arguments if not word.startswith("-"))
        raise SourceError(f"git {command} failed: {git_reason(result.stderr, host) or result.returncode}")
    return result.stdout.removesuffix("\n")


def ssh(key_file: str = "") -> dict[str, str]:
    """Return the variables with which git's ssh asks nobody anything, and knows no key but the one that is named."""
    own = os.environ.get("GIT_SSH_COMMAND", "")
    if not key_file:
        # Somebody's own command may be no OpenSSH.
        is_own = own or "GIT_SSH" in os.environ or git("config", "--get", "core.sshCommand", success=(0, 1))
        return {} if is_own else {"GIT_SSH_COMMAND": "ssh -o BatchMode=yes"}
    if not Path(key_file).is_file():
        raise SourceMistake(f"key_file {key_file} is not a file on this machine.")
    with Path(key_file).open("rb") as file:
        if re.match(rb"(ssh|ecdsa|sk-)[\w@.-]* ", file.read(64)):
            raise SourceMistake(f"key_file {key_file} is a public key: name the private one, which lies beside it.")
    key = f"-i {shlex.quote(key_file)} -o IdentitiesOnly=yes -o BatchMode=yes"
    return {"GIT_SSH_COMMAND": f"{own or 'ssh'} {key}"}


def has(store: Path, commit: str) -> bool:
    """Tell whether a repository has a commit."""
    return git(f"--git-dir={store}", "cat-file", "-t", commit, success=(0, 128)) == "commit"


def mirror(
    repo: str, cache: Path, refspecs: Sequence[str], wanted: str = "", environment: Mapping[str, str] = NOTHING
) -> Path:
    """Return the mirror of a repository, with what it has now; one that has the `wanted` commit is not fetched."""
    name = hashlib.sha256(repo.encode()).hexdigest()[:16]
    store, all_of_it = cache / f"{name}.git", "+refs/*:refs/*"

    def fetch(place: str | Path, *arguments: str) -> None:
        git(f"--git-dir={place}", "fetch", "--quiet", *arguments, environment=environment, host=host_of(repo))

    with locked(cache / f"{name}.lock"):
        if not store.exists():
            with tempfile.TemporaryDirectory(dir=cache) as folder:
                new = Path(folder, "new")
                git("init", "--quiet", "--bare", str(new))
                git(f"--git-dir={new}", "config", "remote.origin.url", repo)
                fetch(new, "origin", all_of_it, *refspecs)
                new.rename(store)
        elif not (wanted and has(store, wanted)):
            fetch(store, "--prune", "origin", all_of_it, *refspecs)
        if wanted and not has(store, wanted):
            # One that no branch or tag leads to; some servers give it all the same.
            fetch(store, "origin", wanted)
    return store
