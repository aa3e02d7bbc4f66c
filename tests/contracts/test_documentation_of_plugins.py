"""What ansible-doc shows: a text of its own for each plugin and each entry point of a role, and true examples."""

from __future__ import annotations

import inspect
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache
from importlib import import_module
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

import pytest
import yaml
from ansible.parsing.dataloader import DataLoader
from ansible.plugins.action import ActionBase
from ansible.plugins.loader import callback_loader, filter_loader, fragment_loader, lookup_loader, module_loader
from ansible.template import Templar, trust_as_template
from ansible.utils.plugin_docs import get_plugin_docs
from ansible_collections.foobar.webstack.plugins.plugin_utils import name_servers

from . import ROLES, ROOT, entry_points, load

COLLECTION = "foobar.webstack"
PLUGINS = f"ansible_collections.{COLLECTION}.plugins"
LOADERS = {"callback": callback_loader, "filter": filter_loader, "lookup": lookup_loader, "module": module_loader}
# What an action gives its module itself, so that no task does.
GIVEN = {"release": {"owner", "gone"}, "release_build": {"owner"}, "release_command": {"owner"}}
# Their action takes templates and gives the module contents or checksums.
TEMPLATED = {"server_state", "templates"}
# Its result goes by what the controller has.
BY_CONTROLLER = "mysql_module"
# What Ansible takes for its own in a module's result, and makes true or false of.
RESERVED = {"changed", "failed", "finished", "skipped", "unreachable"}
# How documentation calls Python's types; the first one that fits counts.
TYPES: dict[type, str] = {bool: "bool", int: "int", float: "float", str: "str", Mapping: "dict", Iterable: "list"}


def files(folder: str) -> list[str]:
    """Name the Python files of a folder of plugins."""
    return sorted(path.stem for path in (ROOT / "plugins" / folder).glob("*.py"))


def filters() -> dict[str, Callable[..., Any]]:
    """Return the filters by name; a file has several."""
    found: dict[str, Callable[..., Any]] = {}
    for name in files("filter"):
        found |= import_module(f"{PLUGINS}.filter.{name}").FilterModule().filters()
    return found


CALLBACKS, FILTERS, LOOKUPS, MODULES = files("callback"), filters(), files("lookup"), files("modules")


@cache
def shown(kind: str, name: str) -> tuple[dict[str, Any], str, dict[str, Any]]:
    """Return documentation, examples and documented result of a plugin, found as ansible-doc finds them."""
    document, examples, result, _ = get_plugin_docs(f"{COLLECTION}.{name}", kind, LOADERS[kind], fragment_loader, False)
    return document, examples, result or {}


def lacking(entries: dict[str, Any], *keys: str) -> list[str]:
    """Name the options, results or attributes without one of some keys, or whose text was cut at a comma."""
    own = [name for name, entry in entries.items() if not set(keys) <= set(entry) or None in entry.values()]
    return own + [name for entry in entries.values() for name in lacking(entry.get("suboptions", {}), *keys)]


def without_words(options: dict[str, Any]) -> dict[str, Any]:
    """Return documented options, or those of an argument spec, without what only one of the two has."""
    found: dict[str, Any] = {}
    for name, option in options.items():
        found[name] = {key: option[key] for key in ("type", "elements", "default", "choices") if key in option}
        found[name] |= {"required": True} if option.get("required") else {}
        if suboptions := option.get("suboptions", option.get("options")):
            found[name]["suboptions"] = without_words(suboptions)
    return found


def type_of(annotation: Any) -> dict[str, str]:
    """Return how documentation calls a parameter's type, and that of its elements."""
    origin, arguments = get_origin(annotation) or annotation, get_args(annotation)
    if origin in (Union, UnionType):
        kinds = [kind for kind in arguments if kind is not NoneType]
        return type_of(kinds[0]) if len(kinds) == 1 else {"type": "raw"}
    name = next(name for kind, name in TYPES.items() if issubclass(origin, kind))
    return {"type": name, "elements": type_of(arguments[0])["type"]} if name == "list" else {"type": name}


def parameters(function: Callable[..., Any]) -> dict[str, Any]:
    """Return the options that a filter's documentation should have: what it is applied to is called _input."""
    hints, found = get_type_hints(function), dict[str, Any]()
    for number, parameter in enumerate(inspect.signature(function).parameters.values()):
        option: dict[str, Any] = type_of(hints[parameter.name])
        if parameter.default not in (parameter.empty, None):
            option["default"] = parameter.default
        is_any_number = parameter.kind is parameter.VAR_POSITIONAL
        if number == 0:
            found["_input"] = {**option, "required": True}
        if number > 0 or is_any_number:
            is_required = parameter.default is parameter.empty and not is_any_number
            found[parameter.name] = {**option, **({"required": True} if is_required else {})}
    return found


class Asked(Exception):
    """A module or an action has said which arguments it takes."""

    def __init__(self, argument_spec: dict[str, Any], supports_check_mode: bool = False, **_: Any) -> None:
        """Keep what it takes."""
        super().__init__()
        self.spec, self.supports_check_mode = argument_spec, supports_check_mode


def told(*arguments: Any, **options: Any) -> Any:
    """Stand in for what reads the arguments."""
    raise Asked(*arguments, **options)


def asked_by_module(name: str, monkeypatch: pytest.MonkeyPatch) -> Asked | None:
    """Return what a module takes; None of one that is documentation only."""
    module = import_module(f"{PLUGINS}.modules.{name}")
    if not hasattr(module, "main"):
        return None
    monkeypatch.setattr(module, "AnsibleModule", told)
    with pytest.raises(Asked) as asked:
        module.main()
    return asked.value


def asked_by_action(name: str, monkeypatch: pytest.MonkeyPatch) -> Asked | None:
    """Return what an action takes; None where there is none, or its module reads the arguments."""
    path = ROOT / f"plugins/action/{name}.py"
    if not path.exists() or "validate_argument_spec" not in path.read_text():
        return None
    action = import_module(f"{PLUGINS}.action.{name}").ActionModule
    monkeypatch.setattr(ActionBase, "run", lambda *_: {})
    monkeypatch.setattr(action, "validate_argument_spec", staticmethod(told))
    with pytest.raises(Asked) as asked:
        action.__new__(action).run(None, {})
    return asked.value


def tasks(found: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Return the tasks of an example, those in blocks included."""
    for task in found:
        yield task
        for part in ("block", "rescue", "always"):
            yield from tasks(task.get(part, []))


def last_value(examples: str, **variables: Any) -> Any:
    """Return the last variable of an example, filled in."""
    found = DataLoader().load(trust_as_template(examples))
    templar = Templar(loader=DataLoader(), variables={**found, **variables})
    return templar.template(trust_as_template(f"{{{{ {list(found)[-1]} }}}}"))


def test_no_two_texts_are_the_same() -> None:
    plugins = {"callback": CALLBACKS, "filter": list(FILTERS), "lookup": LOOKUPS, "module": MODULES}
    documents = [shown(kind, name)[0] for kind, names in plugins.items() for name in names]
    documents += [entry for role in ROLES for entry in entry_points(role).values()]
    for part in ("short_description", "description"):
        times = Counter(str(document.get(part)) for document in documents)
        assert [text for text, count in times.items() if count > 1] == []


def test_every_document_of_a_filter_has_its_filter() -> None:
    assert {path.stem for path in (ROOT / "plugins/filter").glob("*.yml")} == set(FILTERS)


def test_a_deprecated_filter_says_so() -> None:
    routing = load(ROOT / "meta/runtime.yml")["plugin_routing"]["filter"]
    removed = {name: entry["deprecation"]["removal_version"] for name, entry in routing.items()}
    documents = {name: shown("filter", name)[0] for name in FILTERS}
    assert removed == {
        name: text["deprecated"]["removed_in"] for name, text in documents.items() if "deprecated" in text
    }


@pytest.mark.parametrize("name", FILTERS)
def test_a_filter_is_documented_as_it_is(name: str) -> None:
    document, _, result = shown("filter", name)
    assert document["name"] == name
    assert lacking(document["options"], "type", "description") == []
    assert without_words(document["options"]) == parameters(FILTERS[name])
    assert lacking(result, "type", "description", "sample") == []
    assert without_words(result) == {"_value": type_of(get_type_hints(FILTERS[name])["return"])}


@pytest.mark.parametrize("name", sorted(FILTERS.keys() - {BY_CONTROLLER}))
def test_the_example_of_a_filter_gives_the_documented_result(name: str) -> None:
    _, examples, result = shown("filter", name)
    assert f"foobar.webstack.{name}" in examples
    assert last_value(examples, role_path=str(ROOT / "roles/nginx")) == result["_value"]["sample"]


@pytest.mark.parametrize("name", CALLBACKS)
def test_a_callback_is_described(name: str) -> None:
    document, _, _ = shown("callback", name)
    own = yaml.safe_load(import_module(f"{PLUGINS}.callback.{name}").DOCUMENTATION)["options"]
    assert document["name"] == name
    # Ansible's own fragments are Ansible's to judge.
    assert lacking({key: document["options"][key] for key in own}, "type", "description") == []


@pytest.mark.parametrize("name", LOOKUPS)
def test_the_example_of_a_lookup_can_be_filled_in(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Its name servers are nowhere.
    monkeypatch.setattr(name_servers, "cuts", lambda zones: [name_servers.Cut("shop.example.com", "example.com")])
    monkeypatch.chdir(tmp_path)
    Path("shop.env").write_text("MAIL_FROM=shop@example.com\n")
    document, examples, result = shown("lookup", name)
    assert document["name"] == name
    assert lacking(document["options"], "type", "description") == []
    assert lacking(result, "type", "description") == []
    value = last_value(examples, secrets=str(tmp_path))
    assert value == result["_raw"]["sample"] if "sample" in result["_raw"] else value


@pytest.mark.parametrize("name", MODULES)
def test_a_module_is_documented_as_a_task_has_to_call_it(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    document, _, result = shown("module", name)
    asked = asked_by_action(name, monkeypatch) or asked_by_module(name, monkeypatch)
    assert asked
    spec = {key: option for key, option in without_words(asked.spec).items() if key not in GIVEN.get(name, ())}
    options = without_words(document["options"])
    for key, option in options.items():
        if name in TEMPLATED and key == "files":
            spec[key]["suboptions"] = option["suboptions"]
        if "suboptions" not in spec.get(key, {}):
            option.pop("suboptions", None)
    assert document["module"] == name
    assert lacking(document["options"], "type", "description") == []
    assert options == spec
    assert lacking(result, "type", "description", "returned") == []


@pytest.mark.parametrize("name", MODULES)
def test_a_module_says_whether_it_works_in_check_mode(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    attributes, asked = shown("module", name)[0]["attributes"], asked_by_module(name, monkeypatch)
    assert lacking(attributes, "description", "support") == []
    assert asked is None or asked.supports_check_mode == (attributes["check_mode"]["support"] != "none")


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_of_a_module_are_tasks_that_it_takes(name: str) -> None:
    called = set()
    for task in tasks(DataLoader().load(shown("module", name)[1])):
        for module in [key for key in task if key.startswith(f"{COLLECTION}.")]:
            options = shown("module", module.rpartition(".")[2])[0]["options"]
            called.add(module)
            assert set(task[module]) <= set(options), task["name"]
            assert {key for key, option in options.items() if option.get("required")} <= set(task[module]), task["name"]
    assert f"{COLLECTION}.{name}" in called


@pytest.mark.parametrize("name", files("action"))
def test_an_action_has_a_module_with_its_documentation(name: str) -> None:
    assert name in MODULES


@pytest.mark.parametrize("role", ROLES)
def test_an_entry_point_says_what_it_does_and_when_to_use_it(role: str) -> None:
    for name, entry in entry_points(role).items():
        assert not entry["short_description"].endswith("."), name
        assert str(entry["description"]).count("Use it"), name


@pytest.mark.parametrize("name", MODULES)
def test_no_module_returns_under_a_name_that_ansible_takes_for_its_own(name: str) -> None:
    assert set(shown("module", name)[2]) & RESERVED == set()
