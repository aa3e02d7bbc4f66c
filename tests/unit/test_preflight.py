"""What a role refuses before it begins: all of it at once, one sentence each, and nothing that works."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.errors import AnsibleError
from ansible.template import trust_as_template
from ansible.utils.display import Display
from ansible_collections.foobar.webstack.plugins.plugin_utils.renames import collection_version, numbers

from tests import calls, playbook

ROOT = Path(__file__).parents[2]
SPEC = """
argument_specs:
  main:
    options:
      shop_path: {type: path, default: /srv/shop, description: The folder.}
      shop_workers: {type: int, default: 2, description: Processes.}
      shop_apps:
        type: list
        elements: dict
        default: []
        description: Apps.
        options:
          name: {type: str, required: true, description: Name.}
          debug: {type: bool, description: Whether it talks.}
          password: {type: str, no_log: true, description: Password.}
  restore:
    options:
      shop_dump: {type: path, required: true, description: File with the dump.}
"""
SYSTEMS = {"Debian": "12", "Ubuntu": "22.04"}
FACTS = {"distribution": "Debian", "distribution_version": "13.1", "python_version": "3.13.5"}
RENAMED = {
    "shop_dir": {"name": "shop_path", "removed_in": "0.3.0"},
    "shop_apps.title": {"name": "name", "removed_in": "0.3.0"},
}


@pytest.fixture
def spec(tmp_path: Path) -> Path:
    """Return the spec of a role shop."""
    path = tmp_path / "shop/meta/argument_specs.yml"
    path.parent.mkdir(parents=True)
    path.write_text(SPEC)
    return path


@pytest.fixture
def deprecations(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return a list that fills with the warnings that would be shown."""
    shown: list[str] = []
    monkeypatch.setattr(Display, "deprecated", lambda self, msg, **_: shown.append(msg))
    return shown


def preflight(spec: Path, options: dict[str, Any] | None = None, **variables: Any) -> dict[str, Any]:
    """Judge some variables."""
    return calls.action(
        "preflight", {"spec": str(spec), **(options or {})}, {"inventory_hostname": "web01", **variables}
    )


def refused(spec: Path, options: dict[str, Any] | None = None, **variables: Any) -> str:
    """Return what is said of variables that must be refused."""
    result = preflight(spec, options, **variables)
    assert result["failed"]
    # Nothing but the sentences is shown.
    assert set(result) == {"failed", "msg"}
    return str(result["msg"])


def test_all_faults_are_said_at_once(spec: Path) -> None:
    apps = [{"name": "shop", "debgu": True}, {"debug": "perhaps"}]
    facts = {**FACTS, "python_version": "3.9.2"}
    said = refused(
        spec,
        {"python": "3.10", "systems": SYSTEMS},
        shop_apps=apps,
        shop_workers="many",
        shop_pfad="/x",
        shop_wokers=3,
        ansible_facts=facts,
    )
    assert said == (
        "shop_workers: it must be a whole number, not many. "
        "shop_apps: shop has the unknown key debgu: did you mean debug? "
        "shop_apps: entry 2 lacks the key name. "
        "shop_apps: debug of entry 2 must be true or false, not perhaps. "
        "shop_wokers is no variable of the role shop: did you mean shop_workers? "
        "web01 has Python 3.9.2: the role shop needs 3.10 or later, which came with Debian 12 and Ubuntu 22.04."
    )


def test_what_is_right_comes_back_converted_under_one_name_and_unseen(spec: Path) -> None:
    apps = [{"name": "shop", "debug": "yes", "password": "canary"}]
    result = preflight(spec, shop_apps=apps, shop_workers="4", shop_exporter_port=9000, other_thing=1)
    assert not result.get("failed")
    assert result["variables"] == {"shop_workers": 4, "shop_apps": [{**apps[0], "debug": True}]}
    assert result["_ansible_no_log"] is True
    assert "ansible_facts" not in result


def test_no_refusal_shows_a_secret(spec: Path) -> None:
    assert "canary" not in refused(spec, shop_apps=[{"name": "shop", "password": ["canary"]}], shop_workers=[])


def test_a_template_that_cannot_be_filled_in_is_named_by_its_variable(spec: Path) -> None:
    said = refused(spec, shop_path=trust_as_template("{{ nowhere }}/shop"))
    assert said == "shop_path: 'nowhere' is undefined."


def test_what_a_filter_in_a_template_says_is_passed_on_without_the_words_around_it(spec: Path) -> None:
    said = refused(spec, shop_path=trust_as_template("{{ nowhere | mandatory('name a folder') }}"))
    assert said == "shop_path: name a folder."


def test_an_entry_point_s_own_variables_are_demanded_by_it_and_known_to_all(spec: Path) -> None:
    assert refused(spec, {"entry_point": "restore"}) == "shop_dump is not set: File with the dump."
    assert not preflight(spec, shop_dump="/x", strict_variables=True).get("failed")


@pytest.mark.parametrize(
    ("options", "variables", "is_refused"),
    [
        ({}, {}, False),
        ({}, {"strict_variables": True}, True),
        ({}, {"foreign_variables": []}, False),
        ({}, {"strict_variables": True, "foreign_variables": ["shop_exporter_*"]}, False),
        ({"strict": True}, {}, True),
        ({"strict": False}, {"strict_variables": True}, False),
        ({"facts": ["shop_exporter_port"]}, {"strict_variables": True}, False),
    ],
)
def test_an_unknown_variable_is_refused_where_all_foreign_ones_are_known(
    spec: Path, options: dict[str, Any], variables: dict[str, Any], is_refused: bool
) -> None:
    result = preflight(spec, options, shop_exporter_port=9000, **variables)
    assert result.get("failed", False) == is_refused
    if is_refused:
        assert result["msg"].startswith("shop_exporter_port is no variable of the role shop: correct it, or,")


def test_the_role_s_own_mistakes_are_read_only_where_no_type_is_wrong(spec: Path) -> None:
    mistakes = trust_as_template("{{ [shop_apps[0].name ~ ' is taken.'] }}")
    options = {"mistakes": "__shop_mistakes", "systems": {"Ubuntu": "22.04"}}
    said = refused(spec, options, __shop_mistakes=mistakes, shop_apps=[{"name": "shop"}], ansible_facts=FACTS)
    assert said == (
        "web01 runs Debian 13.1: the role shop needs Ubuntu 22.04, or a later version of them. shop is taken."
    )
    assert refused(spec, {"mistakes": "__shop_mistakes"}, __shop_mistakes=mistakes, shop_apps={}) == (
        "shop_apps: it must be a list of dictionaries."
    )
    assert refused(spec, {"mistakes": ["No.", "No."]}) == "No."
    with pytest.raises(AnsibleError, match="mistakes must be a list"):
        preflight(spec, {"mistakes": "shop_path"}, shop_path="/x")


@pytest.mark.parametrize(
    ("facts", "sentence"),
    [
        ({}, "web01: the role shop needs the facts distribution, distribution_version, python_version, which were not"),
        (
            {**FACTS, "distribution": "Rocky", "distribution_version": "9.4"},
            "web01 runs Rocky 9.4: the role shop needs",
        ),
        (
            {**FACTS, "distribution_version": "11"},
            "web01 runs Debian 11: the role shop needs Debian 12 or Ubuntu 22.04",
        ),
        (
            {**FACTS, "distribution": "Ubuntu", "distribution_version": "20.04"},
            "web01 runs Ubuntu 20.04: the role shop",
        ),
        ({**FACTS, "python_version": "3.9.18"}, "web01 has Python 3.9.18: the role shop needs 3.10 or later, which"),
    ],
)
def test_a_server_that_the_role_does_not_know_is_refused(spec: Path, facts: dict[str, Any], sentence: str) -> None:
    assert refused(spec, {"python": "3.10", "systems": SYSTEMS}, ansible_facts=facts).startswith(sentence)


def test_facts_may_be_left_to_whoever_has_set_the_server_up(spec: Path) -> None:
    options = {"python": "3.10", "systems": SYSTEMS, "require_facts": False}
    assert not preflight(spec, options).get("failed")
    assert refused(spec, options, ansible_facts={**FACTS, "distribution": "Rocky"}).startswith("web01 runs Rocky 13.1")


@pytest.mark.parametrize("version", ["12", "12.5", "13.1", "sid", "n/a"])
def test_later_versions_and_those_without_a_number_pass(spec: Path, version: str) -> None:
    facts = {**FACTS, "distribution_version": version}
    assert not preflight(spec, {"python": "3.10", "systems": SYSTEMS}, ansible_facts=facts).get("failed")


def test_an_old_name_works_for_one_minor_version_and_says_so(spec: Path, deprecations: list[str]) -> None:
    old = {"shop_dir": "/old", "shop_path": "/srv/shop", "shop_apps": [{"title": "shop"}]}
    result = preflight(spec, {"renamed": RENAMED, "version": "0.2.7", "strict": True}, **old)
    assert result["variables"] == {"shop_path": "/old", "shop_apps": [{"name": "shop"}]}
    assert deprecations == [
        "shop_dir is called shop_path now, and goes in 0.3.0: rename it.",
        "shop_apps: the key title is called name now, and goes in 0.3.0: rename it.",
    ]
    for version in ("0.3.0", "0.10.0", "1.0.0"):
        assert refused(spec, {"renamed": RENAMED, "version": version}, **old) == (
            "shop_dir is called shop_path now: rename it. shop_apps: the key title is called name now: rename it."
        )


def test_where_both_names_are_set_the_new_one_counts(spec: Path, deprecations: list[str]) -> None:
    both = {"shop_dir": "/old", "shop_path": "/new", "shop_apps": [{"title": "old", "name": "new"}]}
    result = preflight(spec, {"renamed": RENAMED, "version": "0.2.0"}, **both)
    assert result["variables"] == {"shop_path": "/new", "shop_apps": [{"name": "new"}]}
    assert len(deprecations) == 2


def test_who_has_renamed_everything_is_told_nothing(spec: Path, deprecations: list[str]) -> None:
    for version in ("0.2.0", "0.3.0"):
        new = {"shop_path": "/new", "shop_apps": [{"name": "shop"}]}
        assert preflight(spec, {"renamed": RENAMED, "version": version}, **new)["variables"] == new
    assert deprecations == []


def test_a_name_without_a_version_is_gone(spec: Path) -> None:
    assert refused(spec, {"renamed": {"shop_dir": "shop_path"}}, shop_dir="/x") == (
        "shop_dir is called shop_path now: rename it."
    )


def test_the_collection_s_version_is_known_from_its_source_and_where_it_is_installed(tmp_path: Path) -> None:
    version = yaml.safe_load((ROOT / "galaxy.yml").read_text())["version"]
    assert collection_version() == version
    (tmp_path / "MANIFEST.json").write_text(json.dumps({"collection_info": {"version": "1.2.3"}}))
    assert collection_version(tmp_path) == "1.2.3"
    assert numbers("0.10.0") > numbers("0.9.12") > numbers("0.9.0")


def test_a_file_of_options_alone_has_no_prefix(tmp_path: Path) -> None:
    (tmp_path / "sites.yml").write_text("sites: {type: list, elements: dict, required: true, description: Sites.}\n")
    assert not preflight(tmp_path / "sites.yml", sites=[], site="x", strict_variables=True).get("failed")
    assert refused(tmp_path / "sites.yml") == "sites is not set: Sites."


ROLE = {
    "meta/argument_specs.yml": SPEC,
    "defaults/main.yml": "shop_path: /srv/shop\nshop_workers: 2\nshop_apps: []\n",
    "vars/main.yml": "__shop_mistakes: \"{{ (shop_workers | int > 8) | ternary(['Too many.'], []) }}\"\n",
    "tasks/main.yml": """
- foobar.webstack.preflight:
    spec: "{{ role_path }}/meta/argument_specs.yml"
    mistakes: __shop_mistakes
  register: __shop
- ansible.builtin.copy:
    content: "{{ __shop.variables.shop_workers + 1 }} {{ shop_workers }}"
    dest: "{{ shop_path }}"
    mode: "0600"
""",
}


def write_role(folder: Path, files: dict[str, str]) -> None:
    """Write the role shop for a playbook in a folder."""
    for name, text in files.items():
        (folder / "roles/shop" / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / "roles/shop" / name).write_text(text)


def test_a_role_that_runs_twice_with_other_values_judges_and_uses_each_time_its_own(tmp_path: Path) -> None:
    write_role(tmp_path, ROLE)
    runs: list[dict[str, Any]] = [
        {"shop_path": "one", "shop_workers": "3"},
        {"shop_path": "two"},
        {"shop_path": "3", "shop_workers": 9},
    ]
    tasks = [
        {
            "ansible.builtin.import_role": {"name": "shop"},
            "vars": {**run, "shop_path": str(tmp_path / run["shop_path"])},
        }
        for run in runs
    ]
    # The next play's variables count, too.
    last = {"shop_path": str(tmp_path / "four"), "shop_workers": 5}
    head = {"hosts": "localhost", "connection": "local", "gather_facts": False}
    plays = [{**head, "tasks": tasks[:2]}, {**head, "vars": last, "roles": ["shop"]}, {**head, "tasks": tasks[2:]}]
    (tmp_path / "play.yml").write_text(json.dumps(plays))
    done = playbook.run(playbook.command(tmp_path / "play.yml", inventory="localhost,"))
    assert [(tmp_path / name).read_text() for name in ("one", "two", "four")] == ["4 3", "3 2", "6 5"]
    assert not (tmp_path / "3").exists()
    assert done.returncode == 2
    assert "Too many." in done.stdout


OLD = """      shop_dir: {type: path, description: Deprecated; it is called shop_path now.}
  restore:"""
RENAMING_ROLE = {
    "meta/argument_specs.yml": SPEC.replace("  restore:", OLD),
    "defaults/main.yml": "shop_path: \"{{ shop_dir | default('/srv/shop') }}\"\nshop_workers: 2\nshop_apps: []\n",
    "tasks/main.yml": """
- foobar.webstack.preflight:
    spec: "{{ role_path }}/meta/argument_specs.yml"
    renamed: {shop_dir: {name: shop_path, removed_in: 0.3.0}}
    version: "{{ inventory_hostname }}"
- ansible.builtin.debug:
    msg: "{{ inventory_hostname }} uses {{ shop_path }}."
""",
}


def test_a_renamed_variable_of_a_role_works_with_a_warning_and_is_then_refused(tmp_path: Path) -> None:
    write_role(tmp_path, RENAMING_ROLE)
    play = {"hosts": "all", "gather_facts": False, "roles": [{"role": "shop", "shop_dir": "/old"}]}
    (tmp_path / "play.yml").write_text(json.dumps([play]))
    done = playbook.run(playbook.command(tmp_path / "play.yml", inventory="0.2.5,0.3.0"))
    said = playbook.said(done)
    assert "0.2.5 uses /old." in said
    assert "0.3.0 uses" not in said
    assert "[DEPRECATION WARNING]: shop_dir is called shop_path now, and goes in 0.3.0: rename it." in said
    assert "msg: 'shop_dir is called shop_path now: rename it.'" in said
