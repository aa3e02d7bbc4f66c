"""What runs on the controller runs on macOS, too: it reads no /proc, and runs programs that both systems have."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from . import ROOT

FOLDERS = ("action", "callback", "filter", "lookup", "plugin_utils")
# Programs with the options that BSD's have, too; sysctl is only asked where there is no /proc.
PORTABLE = {"git", "ps", "sh", "ssh", "sysctl", "tar"}
# It has another way where there is none.
READS_PROC = {"plugins/plugin_utils/controller.py"}
RUNS = {"Popen", "_said", "call", "check_call", "check_output", "run"}
# What Python has on Linux alone.
LINUX = {"CLOCK_BOOTTIME", "copy_file_range", "memfd_create", "pidfd_open", "sched_getaffinity", "sendfile", "splice"}


def code() -> Iterator[tuple[str, ast.AST]]:
    """Yield each file of the code that runs on the controller, parsed."""
    for folder in FOLDERS:
        for path in sorted((ROOT / "plugins" / folder).glob("**/*.py")):
            yield str(path.relative_to(ROOT)), ast.parse(path.read_text())


def programs(tree: ast.AST) -> Iterator[str]:
    """Yield the programs that a file runs, as far as they stand in it, by themselves or as a variable's value."""
    values: dict[str, list[ast.expr]] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign):
            for target in node.targets:
                values.setdefault(ast.unparse(target), []).append(node.value)
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Call)
            and node.args
            and getattr(node.func, "attr", getattr(node.func, "id", "")) in RUNS
        ):
            for first in values.get(ast.unparse(node.args[0]), [node.args[0]]):
                while isinstance(first, (ast.BinOp, ast.List, ast.Tuple)) and (parts := _parts(first)):
                    first = parts[0]
                if isinstance(first, ast.Constant) and isinstance(first.value, str):
                    yield Path(first.value).name


def _parts(node: ast.BinOp | ast.List | ast.Tuple) -> list[ast.expr]:
    """Return what a list or a sum of lists is made of."""
    return [node.left, node.right] if isinstance(node, ast.BinOp) else node.elts


def test_the_controller_runs_programs_that_both_systems_have() -> None:
    found = {program for _, tree in code() for program in programs(tree)}
    # One stands at its place, the other is a variable's.
    assert {"git", "tar"} <= found
    assert found <= PORTABLE


def test_the_controller_reads_no_proc_without_another_way() -> None:
    found = {
        path
        for path, tree in code()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        for argument in node.args
        if isinstance(argument, ast.Constant) and str(argument.value).startswith(("/proc", "/sys/"))
    }
    # Its constant is a call of Path.
    assert found == READS_PROC


def test_the_controller_uses_nothing_that_python_has_on_linux_alone() -> None:
    used = {
        (path, node.attr)
        for path, tree in code()
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and node.attr in LINUX
    }
    assert used == set()
