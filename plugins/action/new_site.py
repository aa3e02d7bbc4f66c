"""Start a folder of sites, or add a site or an environment to one: look at all of it first, then write the entry."""

from __future__ import annotations

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
from ansible_collections.foobar.webstack.plugins.plugin_utils.application import inspect_application
from ansible_collections.foobar.webstack.plugins.plugin_utils.application_types import ApplicationError, Finding
from ansible_collections.foobar.webstack.plugins.plugin_utils.new_entry import Entry, new_entry
from ansible_collections.foobar.webstack.plugins.plugin_utils.renames import collection_version
from ansible_collections.foobar.webstack.plugins.plugin_utils.sources import SourceError, git

HEADER = """\
---
# What the server serves: one entry per site, from which everything follows. Behind a value stands where it was seen.
# All keys: https://github.com/foobar/webstack/blob/main/playbooks/meta/sites.yml
sites:
"""


class ActionModule(ActionBase):
    """Judge the answers, the folder and the application; write the entry into the folder's sites.yml."""

    _requires_connection = False
    _supports_check_mode = True

    def run(self, tmp: Any = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return what the templates need, and which files are to be written."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        spec = {field.name: {"type": "str", "required": True} for field in fields(new_site.Answers)}
        _, options = self.validate_argument_spec(spec)
        answers = new_site.Answers(**{name: value.strip() for name, value in options.items()})
        folder = Path(answers.folder).expanduser().absolute()
        mistakes = answers.mistakes() or [mistake for mistake in [new_site.folder_mistake(folder)] if mistake]
        if mistakes:
            raise AnsibleActionFail(" ".join(mistakes))
        try:
            known = new_site.known_sites(folder)
            source, app = new_site.named(answers, folder, known)
            with checked_out(answers.source) as (place, branch):
                if branch:
                    source = [*source, Finding("version", branch, "the default branch")]
                entry = new_entry(inspect_application(place), app, source)
            is_new = app not in {str(site.get("app")) for site in known}
            sites = with_entry(folder / new_site.SITES, entry) if is_new else ""
        except (ApplicationError, SourceError) as error:
            raise AnsibleActionFail(f"source: {error}") from None
        except new_site.NewSiteError as error:
            raise AnsibleActionFail(str(error)) from None
        if is_new and not self._task.check_mode:
            replace(folder / new_site.SITES, sites)
        files = new_site.files(answers, app, folder)
        is_new_here = any(file["src"].endswith("/domain.yml.j2") for file in files)
        return {
            **result,
            "changed": is_new,
            **new_site.variables(answers, app, collection_version()),
            "files": files,
            "folder": str(folder),
            "vault": str(new_site.vault(folder, answers.env, app)),
            "vault_password": str(folder / new_site.VAULT_PASSWORD),
            "secrets": entry.secrets if is_new_here else [],
            "next": new_site.next_steps(answers, folder, entry.questions if is_new else []),
        }


@contextmanager
def checked_out(source: str) -> Iterator[tuple[Path, str]]:
    """Give the folder of an application, and the branch of the repository that it was cloned from, for a while."""
    if not new_site.is_repository(source):
        place = Path(source).expanduser()
        if not place.is_dir():
            raise SourceError(f"{source} is not a folder on this machine; name one, or a git repository's address.")
        yield place, ""
        return
    with tempfile.TemporaryDirectory() as folder:
        git("clone", "--quiet", "--depth=1", source, f"{folder}/clone")
        yield Path(folder, "clone"), git("-C", f"{folder}/clone", "branch", "--show-current")


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


def replace(path: Path, text: str) -> None:
    """Write a file in one rename."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.part")
    part.write_text(text)
    part.rename(path)
