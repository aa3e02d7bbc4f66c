"""Start a folder of sites, or add a site or an environment to one: look at all of it, and then write what is new."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path
from typing import Any

import yaml
from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible_collections.foobar.webstack.plugins.plugin_utils import new_site
from ansible_collections.foobar.webstack.plugins.plugin_utils.application.inspection import inspect_application
from ansible_collections.foobar.webstack.plugins.plugin_utils.application.types import (
    Application,
    ApplicationError,
    Finding,
)
from ansible_collections.foobar.webstack.plugins.plugin_utils.git_commands import SourceError, git
from ansible_collections.foobar.webstack.plugins.plugin_utils.new_entry import Entry, new_entry
from ansible_collections.foobar.webstack.plugins.plugin_utils.renames import collection_version
from ansible_collections.foobar.webstack.plugins.plugin_utils.vaults import Vaults

HEADER = """\
---
# What the server serves: one entry per site, from which everything follows. Behind a value stands where it was seen.
# All keys: https://github.com/foobar/webstack/blob/main/playbooks/meta/sites.yml
sites:
"""


class ActionModule(ActionBase):
    """Judge the answers, the folder and the application; write the entry, the secrets, and what git is to ignore."""

    _requires_connection = False
    _supports_check_mode = True

    def run(self, tmp: Any = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return which other files the folder lacks, and what their templates need."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        spec = {field.name: {"type": "str", "required": True} for field in fields(new_site.Answers)}
        _, options = self.validate_argument_spec(spec)
        answers = new_site.Answers.of(options)
        folder = Path(answers.folder).expanduser().absolute()
        mistakes = answers.mistakes() or list(filter(None, [new_site.folder_mistake(folder, answers.source)]))
        if mistakes:
            raise AnsibleActionFail(" ".join(mistakes))
        try:
            known, vaults = new_site.known_sites(folder), Vaults(folder)
            wrong = new_site.inventory_mistake(folder / new_site.inventory_file(answers.env), answers.env)
            if wrong:
                raise new_site.NewSiteError(wrong)
            application, branch = looked_at(answers.source)
            entry = entry_of(application, answers, branch, folder, known)
            is_new = entry.app not in {str(site.get("app")) for site in known}
            text = with_entry(folder / new_site.SITES, entry) if is_new else ""
        except (ApplicationError, SourceError) as error:
            raise AnsibleActionFail(f"source: {error}") from None
        except new_site.NewSiteError as error:
            raise AnsibleActionFail(str(error)) from None
        except OSError as error:
            raise AnsibleActionFail(f"folder: {folder} can't be read: {error.strerror}.") from None
        files = new_site.files(answers, entry.app, folder)
        missing = vaults.missing(answers.env, entry.secrets)
        if not self._task.check_mode:
            try:
                folder.mkdir(parents=True, exist_ok=True)
                vaults.write(answers.env, entry.app, missing)
                ignore(folder / ".gitignore")
                if text:
                    for path, content in entry.files.items():
                        new(folder / path, content)
                    put(folder / new_site.SITES, text)
                for file in files:
                    Path(file["dest"]).parent.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise AnsibleActionFail(f"folder: {folder} can't be written: {error.strerror}.") from None
        written = [file["dest"] for file in files]
        return {
            **result,
            "changed": bool(is_new or missing),
            "files": files,
            "group": str(os.getegid()),
            "next": new_site.next_steps(answers, entry.app, folder, written, entry.questions if is_new else []),
            "owner": str(os.geteuid()),
            "secrets": missing,
            "site": new_site.variables(answers, entry.app, collection_version()),
        }


def looked_at(source: str) -> tuple[Application, str]:
    """Return what an application's files tell, and the branch of the repository that it was cloned from."""
    with checked_out(source) as place:
        branch = git("-C", str(place), "branch", "--show-current") if new_site.is_repository(source) else ""
        return inspect_application(place), branch


@contextmanager
def checked_out(source: str) -> Iterator[Path]:
    """Give the folder of an application, or of a clone of its repository for a while."""
    if not new_site.is_repository(source):
        place = Path(source).expanduser()
        if not place.is_dir():
            raise SourceError(f"{source} is not a folder on this machine; name one, or a git repository's address.")
        yield place
        return
    with tempfile.TemporaryDirectory() as folder:
        git("clone", "--quiet", "--depth=1", "--", source, f"{folder}/clone")
        yield Path(folder, "clone")


def entry_of(
    application: Application, answers: new_site.Answers, branch: str, folder: Path, known: list[dict[str, Any]]
) -> Entry:
    """Return the entry of an application: under the name that it has already, or one that nobody has."""
    source = new_site.located(answers, folder)
    app = new_site.known_app(source, known)
    app = app or new_site.app_name(answers.domain, [str(site.get("app")) for site in known])
    version = [Finding("version", branch, "the default branch")] if branch else []
    entry = new_entry(application, app, [source, *version], has_www=answers.domain.count(".") == 1)
    if answers.dns != "none" and answers.domain.count(".") > 1:
        entry.questions.append(
            f"zone: which zone has the records of {answers.domain}? Write it, unless it is one itself."
        )
    return entry


def with_entry(path: Path, entry: Entry) -> str:
    """Return the text of a file of sites with an entry more at its end; raise NewSiteError where that is none."""
    before = path.read_text() if path.exists() else HEADER
    after = before if before.endswith("\n") else f"{before}\n"
    after += ("" if before == HEADER else "\n") + entry.text()
    try:
        sites = yaml.load(after, Loader=new_site.Loader)["sites"]
    except (yaml.YAMLError, KeyError, TypeError):
        sites = []
    if not sites or not isinstance(sites[-1], dict) or sites[-1].get("app") != entry.app:
        raise new_site.NewSiteError(
            f"{path} does not end with the list of sites; add this entry by hand:\n{entry.text()}"
        )
    return after


def ignore(path: Path) -> None:
    """Have git ignore what is not to be shared: its file is added to, for it may have lines already."""
    before = path.read_text() if path.exists() else ""
    missing = [line for line in new_site.IGNORED if line not in before.splitlines()]
    if missing:
        put(
            path,
            before + ("\n" if before and not before.endswith("\n") else "") + "".join(f"{line}\n" for line in missing),
        )


def new(path: Path, text: str) -> None:
    """Write a file that is not there yet."""
    if not os.path.lexists(path):
        put(path, text)


def put(path: Path, text: str) -> None:
    """Write a file in one rename, with the mode that it had; a link stays one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    target = path.resolve()
    part = target.with_name(f".{target.name}.part")
    part.write_text(text)
    if target.exists():
        part.chmod(target.stat().st_mode & 0o777)
    part.rename(target)
