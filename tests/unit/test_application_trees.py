"""Small applications as people lay them out, and all that is found of each: no value less, and none that is guessed."""

from __future__ import annotations

import re
import tarfile
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible_collections.foobar.webstack.plugins.module_utils.app_commands import command_fault
from ansible_collections.foobar.webstack.plugins.plugin_utils import dependencies
from ansible_collections.foobar.webstack.plugins.plugin_utils.application.inspection import (
    Application,
    inspect_application,
)
from ansible_collections.foobar.webstack.plugins.plugin_utils.new_entry import ORDER, new_entry

from tests.playbook import ROOT

SPEC = yaml.safe_load((ROOT / "playbooks/meta/sites.yml").read_text())
TREES = Path(__file__).parent / "trees"
BASES: dict[str, dict[str, str]] = yaml.safe_load((TREES / "bases.yml").read_text())
CASES: list[dict[str, Any]] = [
    case for path in sorted(TREES.glob("*.yml")) if path.stem != "bases" for case in yaml.safe_load(path.read_text())
]
# Those of which nobody has to say first which of several applications it is.
DEPLOYABLE = [
    case for case in CASES if not any(key == "wsgi_app" and "several" in words for key, words in case.get("asked", []))
]

# Keys of an entry from which a release's packages are installed.
PACKAGES = ("subdirectory", "requirements", "constraints", "dependency_groups", "extras", "python_packages")


@pytest.fixture(params=CASES, ids=[case["name"] for case in CASES])
def case(request: pytest.FixtureRequest) -> dict[str, Any]:
    """Return a tree of files, and what is to be found of it."""
    return dict(request.param)


@pytest.fixture
def found(case: dict[str, Any], tmp_path: Path) -> Application:
    """Return what is found of a tree."""
    files = {path: text for path, text in BASES.get(case.get("base", ""), {}).items()}
    for path in case.get("without", []):
        del files[path]
    for path, text in {**files, **case.get("files", {})}.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    return inspect_application(tmp_path)


def test_a_tree_has_just_these_findings(case: dict[str, Any], found: Application) -> None:
    assert {finding.key: finding.value for finding in found.findings} == case["entry"]


def test_a_tree_leaves_just_these_questions(case: dict[str, Any], found: Application) -> None:
    asked = [[question.key, question.text] for question in found.questions]
    expected = case.get("asked", [])
    assert [key for key, _ in asked] == [key for key, _ in expected], asked
    assert [words for (_, text), (_, words) in zip(asked, expected, strict=True) if words not in text] == []


def test_a_tree_s_database_is_told(case: dict[str, Any], found: Application) -> None:
    assert (found.database.engine if found.database else "none") == case.get("database", "none")


def test_each_finding_of_a_tree_names_a_file_of_it(case: dict[str, Any], found: Application, tmp_path: Path) -> None:
    for finding in found.findings:
        assert finding.reason, finding
        for path, line in re.findall(r"([\w./-]+\.(?:py|toml|txt|lock|ini|yml|json)):(\d+)", finding.reason):
            assert int(line) <= len((tmp_path / path).read_text().splitlines()), finding


def test_the_entry_of_a_tree_can_be_read_and_has_every_finding(found: Application) -> None:
    entry = new_entry(found, "shop", [])
    (site,) = yaml.safe_load(f"sites:\n{entry.text()}")["sites"]
    assert {finding.key.partition(".")[0] for finding in found.findings} <= set(site) <= set(ORDER)


def test_the_entry_of_a_tree_is_as_the_spec_of_sites_wants_it(case: dict[str, Any], found: Application) -> None:
    (site,) = yaml.safe_load(f"sites:\n{new_entry(found, 'shop', []).text()}")["sites"]
    asked = dict.fromkeys((key for key, _ in case.get("asked", []) if key in ("wsgi_app", "health_path")), "answered")
    assert ArgumentSpecValidator(SPEC).validate({"sites": [{**asked, **site}]}).error_messages == []
    names = [process["name"] for process in site.get("background", [])]
    assert all(re.fullmatch(r"[a-z][a-z0-9_]*", name) for name in names)
    assert not any(command_fault(process["command"]) for process in site.get("background", []))


@pytest.mark.parametrize("installer", ["uv", "pip"])
@pytest.mark.parametrize("case", DEPLOYABLE, ids=[case["name"] for case in DEPLOYABLE])
def test_a_release_of_a_tree_is_made_from_what_its_entry_says(
    case: dict[str, Any], found: Application, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, installer: str
) -> None:
    archive = tmp_path_factory.mktemp("archive") / "source.tar"
    with tarfile.open(archive, "w") as tar:
        tar.add(tmp_path, ".")
    values = {finding.key: finding.value for finding in found.findings}
    app = {"name": "shop", **{key: values[key] for key in PACKAGES if key in values}}
    how = dependencies.installation(app, installer, dependencies.Tree(archive, 0))
    assert how["method"] != "none"
    said = [text for question in found.questions if "A release is made from" in (text := question.text)]
    assert [path for path in how["passed_over"] if not any(path in text for text in said)] == []


def test_there_are_as_many_trees_as_layouts_in_the_wild() -> None:
    assert len(CASES) >= 50
    assert len({case["name"] for case in CASES}) == len(CASES)
