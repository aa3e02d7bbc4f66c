"""What every role promises: a spec that is true, no variable unknown or unused, no knowledge of the others."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.foobar.webstack.plugins.filter import gunicorn, nginx_files, uwsgi
from ansible_collections.foobar.webstack.plugins.modules import release
from ansible_collections.foobar.webstack.plugins.plugin_utils import app_deploy
from jinja2 import meta, nodes

from . import FACTS, ROLES, ROOT, all_options, entry_points, is_old, jinja, load, spec

# What holds one entry of a role's lists, where its tasks and templates look into it.
ENTRIES = {
    "app_deploy": {"__app_deploy_app"},
    "dns_records": set[str](),
    "gunicorn": {"item"},
    "mysql": {"item"},
    "nginx": {"location", "server", "site", "upstream"},
    "redis": {"instance"},
    "swap": set[str](),
    "tls": set[str](),
    "uwsgi": {"item"},
}
BARE_EXPRESSIONS = {"changed_when", "failed_when", "mistakes", "that", "until", "when"}
BLOCKS = ("block", "rescue", "always")
ANSIBLE = {"hostvars", "inventory_hostname", "item", "lookup", "now", "omit", "role_path"}
FILE_MODULES = {"ansible.builtin." + name for name in ("copy", "file", "get_url", "template", "unarchive")}
FILE_MODULES |= {"foobar.webstack.templates"}
PREFLIGHT = "foobar.webstack.preflight"
# An app with all for which the roles gunicorn and uwsgi write files, at a fixed path and in releases.
SERVED_APPS: list[dict[str, Any]] = [
    {"name": "plain", "module": "plain", "chdir": "/srv/plain"},
    {
        "name": "shop",
        "module": "shop",
        "releases_path": "/srv/shop/releases",
        "background": [{"name": "mailer", "command": "work"}],
        "scheduled": [{"name": "purge", "command": "purge", "on_calendar": "hourly"}],
    },
]
# What the role app_deploy knows of an app beside its entry: all that the plan has found out.
PLAN_APP = {"name": "shop", "service": "s", "sockets_path": "/run/s", "health_path": "/"}
PLAN_DEFAULTS = {"health_timeout": 1, "installer": "uv", "keep_releases": 1, "packages": [], "watch_timeout": 1}

pytestmark = pytest.mark.parametrize("role", ROLES)


def files(role: str, *folders: str) -> list[Path]:
    return sorted(path for folder in folders for path in (ROOT / "roles" / role / folder).glob("**/*.*"))


def defaults(role: str) -> dict[str, Any]:
    """Return the role's defaults; of one that takes the value of an old name, what it is without that."""
    old = {name for name, option in all_options(role).items() if is_old(option)}
    found = {}
    for name, value in (load(ROOT / "roles" / role / "defaults/main.yml") or {}).items():
        renamed = re.fullmatch(r"\{\{ (\w+) \| default\((.*)\) \}\}", str(value))
        found[name] = yaml.safe_load(renamed[2]) if renamed and renamed[1] in old else value
    return found


def nested(options: dict[str, Any]) -> Iterator[str]:
    """Name every key that an entry of some list, or of a list in it, may have."""
    for option in options.values():
        yield from option.get("options", {})
        yield from nested(option.get("options", {}))


@cache
def tasks(role: str) -> list[tuple[Path, dict[str, Any]]]:
    """Return each task and handler, blocks and what is in them included, with its file."""

    def flat(found: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
        for task in found:
            yield task
            for block in BLOCKS:
                yield from flat(task.get(block, []))

    return [(path, task) for path in files(role, "tasks", "handlers") for task in flat(load(path))]


def strings(value: Any, bare: bool = False) -> Iterator[str]:
    """Return the templates in a part of a YAML file; what stands without braces gets them."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from strings(item, key in BARE_EXPRESSIONS)
    elif isinstance(value, list):
        for item in value:
            yield from strings(item, bare)
    elif isinstance(value, str):
        yield f"{{{{ {value} }}}}" if bare else value


@cache
def syntax(role: str) -> list[nodes.Template]:
    """Return the role's templates, parsed: its template files and every string of its YAML files."""
    found = [path.read_text() for path in files(role, "templates")]
    for path in files(role, "defaults", "handlers", "tasks", "vars"):
        found += strings(load(path))
    return [jinja.parse(text) for text in found]


@cache
def used(role: str) -> set[str]:
    """Name the variables that the role reads."""
    names = set[str]().union(*map(meta.find_undeclared_variables, syntax(role)))
    # An included template gets what the including one has set.
    return names - {name.name for tree in syntax(role) for name in tree.find_all(nodes.Name) if name.ctx != "load"}


# What the role nginx makes of a location with a user.
NGINX_READERS = nginx_files.nginx_readers(
    [{"locations": [{"path": "/media/", "alias": "/srv/shop/shared/media/", "user": "shop"}]}]
)


@cache
def filtered(role: str) -> list[dict[str, Any]]:
    """Return the files that the filters of a role make of its apps."""
    filters = {"gunicorn": gunicorn, "uwsgi": uwsgi}
    if role not in filters:
        return []
    functions, apps = filters[role].FilterModule().filters(), SERVED_APPS
    found = [*functions[f"{role}_files"](apps, {}), *functions[f"{role}_environments"](apps)]
    return [*found, *functions[f"{role}_release_files"](apps, {})]


def handed(role: str) -> set[str]:
    """Name the variables that filters and tasks hand to single templates."""
    if role == "nginx":
        return {name for file in nginx_files.nginx_reader_files(NGINX_READERS) for name in file.get("vars", {})}
    found = {name for file in filtered(role) for name in file["vars"]}
    return found | {"users"} if found else found


def read_by_filters(role: str) -> set[str]:
    """Name the role's own variables that its filters look up among those of all hosts."""
    path = ROOT / f"plugins/filter/{role}.py"
    return set(re.findall(rf'"(__{role}_\w+)"', path.read_text())) if path.exists() else set()


def planned_keys() -> set[str]:
    """Name the keys of an app in the plan of the role app_deploy."""
    app = app_deploy.resolve(PLAN_APP, PLAN_DEFAULTS)
    found: set[str] = yaml.safe_load(release.RETURN).keys() | app_deploy.of_release(app, "1").keys() | app.keys()
    action = (ROOT / "plugins/action/release_plan.py").read_text().rpartition("**of_release(")[2]
    return found | set(re.findall(r'^ +"(\w+)": ', action, re.MULTILINE)) | {"reason", "release", "repairs"}


def internals(role: str) -> set[str]:
    """Name the variables that the role sets for itself."""
    names = set[str]().union(*(load(path) for path in files(role, "vars")))
    for _, task in tasks(role):
        names |= set(task.get("vars", {})) | set(task.get("ansible.builtin.set_fact", {}))
        control = task.get("loop_control", {})
        names |= {task["register"]} if "register" in task else set()
        names |= {control[key] for key in ("loop_var", "index_var") if key in control}
    return names


def test_the_spec_has_the_names_and_values_of_the_defaults(role: str) -> None:
    assert defaults(role) == {name: option["default"] for name, option in spec(role).items() if "default" in option}


def test_what_has_no_default_is_required(role: str) -> None:
    assert [name for name, option in spec(role).items() if ("default" in option) == option.get("required", False)] == []


def test_every_option_is_described(role: str) -> None:
    def undescribed(options: dict[str, Any]) -> Iterator[str]:
        for name, option in options.items():
            if not {"type", "description"} <= set(option) or not str(option["description"]).endswith("."):
                yield name
            yield from undescribed(option.get("options", {}))

    assert list(undescribed(all_options(role))) == []


def test_the_check_alone_takes_the_same_variables(role: str) -> None:
    assert entry_points(role)["check"]["options"] == entry_points(role)["main"]["options"]


def test_an_old_name_is_in_the_table_of_the_role_s_check(role: str) -> None:
    table = (load(ROOT / "roles" / role / "vars/main.yml") or {}).get(f"__{role}_renamed", {})
    assert {name for name, option in all_options(role).items() if is_old(option)} == {n for n in table if "." not in n}


def test_every_entry_point_has_a_file_of_tasks(role: str) -> None:
    assert [name for name in entry_points(role) if not (ROOT / "roles" / role / f"tasks/{name}.yml").exists()] == []


def test_variables_carry_the_role_s_name(role: str) -> None:
    assert [name for name in all_options(role) if not name.startswith(f"{role}_")] == []
    assert [name for name in internals(role) - FACTS if not name.startswith(f"__{role}_")] == []


def test_every_variable_that_is_used_is_known(role: str) -> None:
    known = set(all_options(role)) | internals(role) | handed(role) | ANSIBLE
    assert {name for name in used(role) - known if not name.startswith("ansible_")} == set()


def test_every_variable_is_used(role: str) -> None:
    known = set(all_options(role)) | internals(role) | handed(role) - ANSIBLE
    assert known - used(role) - read_by_filters(role) - FACTS == set()


def test_the_check_knows_the_facts_that_the_role_sets_itself(role: str) -> None:
    (known,) = [task[PREFLIGHT].get("facts", []) for _, task in tasks(role) if PREFLIGHT in task]
    assert {name for name in internals(role) if not name.startswith("__")} <= set(known)


def test_the_check_says_on_which_systems_the_role_runs(role: str) -> None:
    (check,) = [task[PREFLIGHT] for _, task in tasks(role) if PREFLIGHT in task]
    # The controller alone does what the role dns_records does.
    systems = {"Debian": "12", "Ubuntu": "22.04"} if role != "dns_records" else {}
    assert check.get("systems", {}) == systems
    assert check.get("python") == ("3.10" if systems else None)


def test_the_readme_names_the_facts_for_the_rest_of_the_playbook(role: str) -> None:
    readme = (ROOT / "roles" / role / "README.md").read_text()
    assert [fact for fact in internals(role) & FACTS if f"`{fact}`" not in readme] == []


def test_every_key_of_an_entry_is_known(role: str) -> None:
    asked = {
        node.attr
        for tree in syntax(role)
        for node in tree.find_all(nodes.Getattr)
        if isinstance(node.node, nodes.Name) and node.node.name in ENTRIES[role]
    }
    known = set(nested(spec(role))) | (planned_keys() if role == "app_deploy" else set())
    assert asked - known - {"items", "keys"} == set()


def test_every_key_of_an_entry_is_used(role: str) -> None:
    code = files(role, "tasks", "templates", "vars") + sorted((ROOT / "plugins").glob("**/*.py"))
    words = set(re.findall(r"\w+", " ".join(path.read_text() for path in code)))
    assert set(nested(spec(role))) - words == set()


def test_every_template_is_used_and_every_file_says_who_manages_it(role: str) -> None:
    filters = (ROOT / "plugins/filter").glob("*.py")
    text = " ".join(path.read_text() for path in [*files(role, "tasks", "vars", "templates"), *filters])
    text += " ".join(file["src"] for file in filtered(role))
    for path in files(role, "templates"):
        assert path.stem in text, f"{path.name} is not used"
        # Others are a part of another template, and JSON has no comments.
        if re.search(rf"src\W+{path.name}", text) and not path.name.endswith(".json.j2"):
            header = re.sub(r"^#jinja2:.*\n", "", path.read_text())
            assert header.startswith("{{ ansible_managed | comment"), path.name


def test_every_file_has_an_owner_a_group_and_a_quoted_mode(role: str) -> None:
    for path, task in tasks(role):
        for module in FILE_MODULES & set(task):
            options = task[module]
            if options.get("state") in ("absent", "link") or options.get("recurse"):
                continue
            assert {"owner", "group", "mode"} <= set(options), f"{path.name}: {task['name']}"
            assert isinstance(options["mode"], str), f"{path.name}: {task['name']}"


def test_task_files_are_short(role: str) -> None:
    for path in files(role, "tasks", "handlers"):
        assert len(path.read_text().splitlines()) <= 80, path.name


def test_a_task_is_named_after_its_file(role: str) -> None:
    for path, task in tasks(role):
        if path.parent.name == "tasks" and path.name != "main.yml":
            assert task["name"].startswith(f"{path.stem} | "), task["name"]


def test_main_is_a_table_of_contents(role: str) -> None:
    allowed = {"ansible.builtin.import_tasks", "ansible.builtin.include_tasks", "ansible.builtin.meta"}
    for path, task in tasks(role):
        if path.parent.name == "tasks" and path.name == "main.yml":
            assert allowed & set(task), task["name"]


def test_no_failure_is_hidden(role: str) -> None:
    for path, task in tasks(role):
        assert "ignore_errors" not in task, f"{path.name}: {task['name']}"
        assert task.get("failed_when") is not False, f"{path.name}: {task['name']}"


def test_a_role_knows_neither_other_roles_nor_the_inventory(role: str) -> None:
    others = tuple(prefix + other + "_" for other in ROLES if other != role for prefix in ("", "__"))
    assert [name for name in used(role) if name == "groups" or name.startswith(others)] == []


def test_no_order_is_left_to_chance(role: str) -> None:
    """Ansible's set filters return their result in any order, another one at each run."""
    filters = {node.name for tree in syntax(role) for node in tree.find_all(nodes.Filter)}
    assert filters & {"difference", "intersect", "symmetric_difference", "union"} == set()


def test_galaxy_can_show_the_role(role: str) -> None:
    info = load(ROOT / "roles" / role / "meta/main.yml")["galaxy_info"]
    assert info["author"] == "The foobar.webstack authors"
    assert info["description"]
    assert info["license"] == "MIT"
    assert info["min_ansible_version"] == "2.19"
    assert [platform["name"] for platform in info["platforms"]] == ["Debian", "Ubuntu"]


def test_the_readme_lists_every_variable_with_its_default(role: str) -> None:
    readme = (ROOT / "roles" / role / "README.md").read_text()
    cells: dict[str, str | None] = {}
    for names, defaults_of_them in re.findall(rf"^\| (`{role}_.*?) \| (.*?) \|", readme, re.MULTILINE):
        listed = re.findall(r"`(\w+)`", names)
        exact = re.fullmatch(r"`[^`]*`(, `[^`]*`)*", defaults_of_them) and re.findall(r"`([^`]*)`", defaults_of_them)
        assert not exact or len(exact) == len(listed), names
        cells |= dict(zip(listed, exact or [None] * len(listed), strict=True))
    assert set(cells) == set(spec(role))
    for name, cell in cells.items():
        default = defaults(role).get(name)
        if cell is not None:
            assert yaml.safe_load(cell) == default, name
        else:  # in words, where the value is missing, long or computed
            assert default is None or len(str(default)) >= 40 or "{{" in str(default), name


def test_the_readme_has_an_example_and_is_honest(role: str) -> None:
    readme = (ROOT / "roles" / role / "README.md").read_text()
    for heading in ("## Variables", "## What a second run does", "## What this role does not do"):
        assert heading in readme
    examples = re.findall(r"```yaml\n(.*?)```", readme, re.DOTALL)
    assert f"foobar.webstack.{role}" in examples[0]
    assert len(examples[0].splitlines()) <= 16
    for example in examples:
        assert yaml.safe_load(example)
        assert set(re.findall(rf"\b({role}_\w+):", example)) <= set(all_options(role))
