"""Call the collection's actions and modules in this process, as a play on this machine does with a start of Ansible."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from contextlib import redirect_stdout
from importlib import import_module
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory
from types import CodeType
from typing import Any

import pytest
from ansible.inventory.manager import InventoryManager
from ansible.module_utils.testing import patch_module_args
from ansible.parsing.dataloader import DataLoader
from ansible.playbook.block import Block
from ansible.playbook.play import Play
from ansible.playbook.play_context import PlayContext
from ansible.playbook.task import Task
from ansible.plugins.loader import action_loader, connection_loader, init_plugin_loader
from ansible.template import Templar
from ansible.utils.collection_loader import AnsibleCollectionConfig
from ansible.vars.hostvars import HostVars
from ansible.vars.manager import VariableManager
from jinja2 import Environment

from tests.playbook import ROOT

COLLECTION = "foobar.webstack"
Result = dict[str, Any]


def find_plugins() -> None:
    """Let Python find plugins as Ansible does; it has to be so before any test imports one of the collection."""
    if AnsibleCollectionConfig.collection_finder is None:
        init_plugin_loader()
        compile_once()


def compile_once() -> None:
    """Let Jinja compile each text once for all tests: Ansible does so at each use, which took most of their time."""
    known: dict[tuple[object, ...], CodeType] = {}
    compile_anew: Callable[..., CodeType] = Environment.compile

    def compiled(environment: Environment, source: Any, *where: Any, **options: Any) -> CodeType:
        # Jinja has one lexer for all environments of the same syntax.
        key = (type(environment), environment.lexer, source, *where, *options.items())
        if key not in known:
            known[key] = compile_anew(environment, source, *where, **options)
        return known[key]

    pytest.MonkeyPatch().setattr(Environment, "compile", compiled)


def module(name: str, arguments: Mapping[str, Any]) -> Result:
    """Run one of the collection's modules and return its result, which has `failed` where it failed."""
    main = import_module(f"ansible_collections.{COLLECTION}.plugins.modules.{name}").main
    output, umask = StringIO(), os.umask(0o022)
    try:
        with patch_module_args(dict(arguments)), redirect_stdout(output), pytest.raises(SystemExit):
            main()
    finally:
        os.umask(umask)
    return dict(json.loads(output.getvalue()))


def action(
    name: str,
    arguments: Mapping[str, Any],
    variables: Mapping[str, Any] | None = None,
    *,
    folder: Path = Path(),
    check: bool = False,
    diff: bool = False,
) -> Result:
    """Run one of the collection's actions, and its module, as a task of a playbook in a folder; return its result."""
    task = {f"{COLLECTION}.{name}": dict(arguments), "check_mode": check, "diff": diff}
    return run(task, dict(variables or {}), folder)


def run(values: dict[str, Any], variables: dict[str, Any], folder: Path) -> Result:
    """Run a task of a playbook in a folder and return its result."""
    loader = DataLoader()
    loader.set_basedir(str(folder))
    templar = Templar(loader=loader, variables=variables)
    block = Block(play=Play.load({"hosts": "localhost"}, loader=loader))
    task = Task.load({"check_mode": False, "diff": False, **values}, block=block, loader=loader)
    task.post_validate(templar=templar._engine)
    context = PlayContext()
    connection = connection_loader.get("ansible.builtin.local", context)
    found = action_loader.get(
        task.action,
        task=task,
        connection=connection,
        play_context=context,
        loader=loader,
        templar=templar,
        shared_loader_obj=None,
    )

    def execute(
        module_name: str, module_args: Mapping[str, Any] | None = None, task_vars: Any = None, **_: Any
    ) -> Result:
        given = dict(task.args if module_args is None else module_args)
        found._update_module_args(module_name, given, task_vars or {})
        return module(module_name.rpartition(".")[2], given)

    found._execute_module = execute
    with TemporaryDirectory() as temporary:
        connection._shell.tmpdir = temporary
        return dict(found.run(task_vars=variables))


def server(inventory: str, **extra: object) -> dict[str, Any]:
    """Return what the one server of an inventory is told, not filled in; no connection to it is made."""
    loader = DataLoader()
    loader.set_basedir(str(ROOT / "playbooks"))
    machines = InventoryManager(loader=loader, sources=[str(ROOT / "inventory" / inventory)])
    manager = VariableManager(loader=loader, inventory=machines)
    manager._extra_vars = extra
    HostVars(inventory=machines, variable_manager=manager, loader=loader)
    return dict(manager.get_vars(host=machines.get_host("web01")))


def assertion(playbook: str, name: str, **extra: object) -> Result:
    """Return the result of an assertion of a playbook on production's server, with extra variables."""
    (play, task), *_ = [
        (play, task)
        for play in DataLoader().load_from_file(str(ROOT / "playbooks" / playbook), trusted_as_template=True)
        for task in [*play.get("pre_tasks", []), *play.get("tasks", [])]
        if task["name"] == name
    ]
    told = {**server("production", **extra), **play.get("vars", {}), **task.get("vars", {}), **extra}
    values = {key: value for key, value in task.items() if key not in ("run_once", "vars")}
    return run(values, {**told, "playbook_dir": str(ROOT / "playbooks")}, ROOT / "playbooks")
