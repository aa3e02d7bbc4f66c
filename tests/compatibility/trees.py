"""Sources of small applications, made when a test needs them."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from tests.playbook import ROOT

APPS = ROOT / "tests/apps"

# Of idna 3.7 and iniconfig 2.0.0: the wheel's SHA-256 and the sdist's.
IDNA = (
    "82fee1fc78add43492d3a1898bfa6d8a904cc97d8427f683ed8e798d07761aa0",
    "028ff3aadf0609c1fd278d8ea3089299412a7a8b9bd005dd08b9f8285bcb5cfc",
)
INICONFIG = (
    "b6a85871a79d2e3b22d2d1b94ac2824226a63c6b741c88f7ae975f18b6778374",
    "2d91e135bf72d31a410b17c16da610a82cb55f6b0477d1a902134b24a455b8b3",
)
HASHED = f"idna==3.7 \\\n    --hash=sha256:{IDNA[0]} \\\n    --hash=sha256:{IDNA[1]}\n"
PROJECT = """[project]
name = "versions"
version = "1"
requires-python = ">=3.11"
dependencies = ["idna>=3"]
"""
FILES = """files = [
    {{file = "{name}-py3-none-any.whl", hash = "sha256:{hashes[0]}"}},
    {{file = "{name}.tar.gz", hash = "sha256:{hashes[1]}"}},
]
"""


@dataclass(frozen=True)
class Tree:
    """A source: a copy of one of the applications of tests/apps, and what is different in it.

    `base` is that application's name, or empty; `moved` is old path to new; `files` is path to text, and an empty text
    in `appended` none. `commands` are run in it, such as those that make a repository of it.
    """

    base: str = ""
    moved: Mapping[str, str] = field(default_factory=dict)
    without: Sequence[str] = ()
    files: Mapping[str, str] = field(default_factory=dict)
    appended: Mapping[str, str] = field(default_factory=dict)
    replaced: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    is_repository: bool = False
    more: Callable[[Path], None] | None = None

    def with_settings(self, text: str) -> Tree:
        """Return the source with lines more at the end of Django's settings."""
        return replace(self, appended={**self.appended, "config/settings.py": f"\n{text}"})

    def make(self, folder: Path) -> None:
        """Make the source in a folder that is not there yet."""
        if self.base:
            shutil.copytree(APPS / self.base, folder, ignore=shutil.ignore_patterns("__pycache__"))
        folder.mkdir(parents=True, exist_ok=True)
        for old, new in self.moved.items():
            (folder / new).parent.mkdir(parents=True, exist_ok=True)
            (folder / old).rename(folder / new)
        for name in self.without:
            (folder / name).unlink()
        for name, text in self.files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(text)
        for name, text in self.appended.items():
            with (folder / name).open("a") as file:
                file.write(text)
        for name, (old, new) in self.replaced.items():
            text = (folder / name).read_text()
            assert old in text, f"{name} of {folder} has no {old}"
            (folder / name).write_text(text.replace(old, new))
        if self.more:
            self.more(folder)
        if self.is_repository:
            commit(folder)


def git(folder: Path, *words: str) -> None:
    """Run git in a folder."""
    own = ("-c", "user.name=a", "-c", "user.email=a@example.com", "-c", "protocol.file.allow=always")
    subprocess.run(["git", "-C", folder, *own, *words], check=True, capture_output=True)


def commit(folder: Path) -> None:
    """Make a repository of a folder, with one commit of all that is in it."""
    git(folder, "init", "--quiet", "--initial-branch=main")
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message=Begin")


def with_submodule(folder: Path) -> None:
    """Give a source a submodule, `theme`."""
    theme = folder.with_name(f"{folder.name}-theme.git")
    theme.mkdir()
    (theme / "theme.css").write_text("body { color: red }\n")
    commit(theme)
    commit(folder)
    git(folder, "submodule", "--quiet", "add", str(theme), "theme")
    git(folder, "commit", "--quiet", "--message=Take the theme")


def with_number_tag(folder: Path) -> None:
    """Give a source a tag that looks like a number, and a commit after it that would not serve."""
    commit(folder)
    git(folder, "tag", "1.10")
    (folder / "versions.py").write_text("raise SystemExit('this is no release')\n")


def with_uv_lock(folder: Path) -> None:
    """Lock a source by uv. The file names the index's host, so it is made where it is needed."""
    subprocess.run(["uv", "lock", "--quiet", "--project", folder], check=True)


def packages(needs: str, groups: Sequence[str]) -> str:
    """Return the packages of a lock of Poetry's or PDM's.

    `needs` is the line with the Python that one needs, `groups` are those of what runs and of what develops.
    """
    return "\n".join(
        f'[[package]]\nname = "{name}"\nversion = "{version}"\n{needs}groups = ["{group}"]\n'
        f"{FILES.format(name=f'{name}-{version}', hashes=hashes)}"
        for (name, version, hashes), group in zip(
            (("idna", "3.7", IDNA), ("iniconfig", "2.0.0", INICONFIG)), groups, strict=True
        )
    )


def poetry_lock() -> str:
    """Return a lock of Poetry's."""
    needs = 'description = ""\noptional = false\npython-versions = ">=3.7"\n'
    return (
        "# This file is automatically @generated by Poetry 2.1.1 and should not be changed by hand.\n\n"
        f"{packages(needs, ('main', 'dev'))}\n"
        '[metadata]\nlock-version = "2.1"\npython-versions = "^3.11"\n'
        'content-hash = "676f4fe59d4d9971a74e8e42af5af81cd38729ab7728d8c21d10d564a6a8d907"\n'
    )


def pdm_lock() -> str:
    """Return a lock of PDM's."""
    needs = 'requires_python = ">=3.7"\nsummary = ""\n'
    return (
        "# This file is @generated by PDM.\n# It is not intended for manual editing.\n\n[metadata]\n"
        'groups = ["default", "dev"]\nstrategy = ["inherit_metadata"]\nlock_version = "4.5.0"\n'
        'content_hash = "sha256:6d2be5f8f3b2a4a7a8f1c0ce3c2de3a6a1e0f1f4f9c1b7b55a9f1a0a7b0c1d2e"\n\n'
        f'[[metadata.targets]]\nrequires_python = ">=3.11"\n\n{packages(needs, ("default", "dev"))}'
    )


def pipfile_lock() -> str:
    """Return a lock of Pipenv's."""
    package = '{{"hashes": ["sha256:{0[0]}", "sha256:{0[1]}"], "index": "pypi", "version": "=={1}"}}'
    return (
        '{"_meta": {"hash": {"sha256": "bf51354464aea772c26255fe84a851385b884b65b50df76b52e5f57917c1b9b8"}, '
        '"pipfile-spec": 6, "requires": {}, '
        '"sources": [{"name": "pypi", "url": "https://pypi.org/simple", "verify_ssl": true}]},\n'
        f'"default": {{"idna": {package.format(IDNA, "3.7")}}},\n'
        f'"develop": {{"iniconfig": {package.format(INICONFIG, "2.0.0")}}}}}\n'
    )


def pylock(folder: Path) -> None:
    """Lock a source by uv in the form of PEP 751. The file names the index's host, so it is made where it is needed."""
    command = ["uv", "pip", "compile", "--quiet", "--universal", "--python-version=3.11", "--format=pylock.toml"]
    subprocess.run(
        [*command, f"--output-file={folder / 'pylock.toml'}", "-"], input=b"idna==3.7\n", check=True, cwd=folder
    )
