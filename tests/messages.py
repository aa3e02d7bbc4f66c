"""The messages in the product's code: texts that a run shows where it fails, warns, or leaves something for later.

A text in the code counts as one by how it reads: some words, one of them such as every sentence has. Commands, SQL,
patterns and the like are no sentences, or stand where none is said. What a message is filled in with is `…`.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

import yaml
from jinja2 import Environment, nodes

GAP = "…"
# One of these is in every sentence, and seldom in anything else.
GRAMMAR = {
    *("a", "after", "an", "and", "are", "as", "at", "be", "but", "by", "can", "can't", "could", "did", "do", "does"),
    *("failed", "for", "from", "has", "have", "if", "in", "is", "it", "its", "must", "needs", "no", "not", "of", "on"),
    *("or", "so", "still", "the", "there", "they", "this", "times", "to", "was", "which", "with", "would"),
}
# What is said in calls of these is a pattern, a command, or the reason of a value in an entry.
SILENT = re.compile(r"^re\.|(^|\.)(Finding|_select|find|partition|run)$|^(report\.add|overlay\.(set|read))$")
DOCUMENTS = {"DOCUMENTATION", "EXAMPLES", "RETURN"}
# SQL, scripts, patterns, and files that begin with a comment. A command has options; a sentence that names one goes on.
NO_SENTENCE = re.compile(r"^\s*[A-Z]{3,}[ ,]|&&|\|\||\\|^(---\s)?# |^(?!.*([;:,] |\w\.$)).*(^|\s)--?[a-z]", re.DOTALL)
# The keys under which a task says something.
SAYING = ("msg", "fail_msg")
# What a script says.
ECHO = re.compile(r'^echo "(.*)" >&2$')
# In a template that Python has filled in, a gap in the name of a variable is to be no mistake.
NAME = "_gap_"


class Message(NamedTuple):
    """A message with `…` for what is filled in, and where it stands in the code."""

    text: str
    place: str


def is_sentence(text: str) -> bool:
    """Tell whether a text reads like a sentence or a part of one."""
    words = re.findall(r"[a-z][a-z'-]*", re.sub(r"\S*[/_=]\S*", "", text).lower())
    return len(words) > 1 and not GRAMMAR.isdisjoint(words) and not NO_SENTENCE.search(text)


def in_python(path: Path) -> Iterator[Message]:
    """Yield the messages of a Python file."""
    for text, line in _texts(ast.parse(path.read_text())):
        for part in _in_jinja(text) if re.search(r"\{\{.+\}\}", text) else [text]:
            if is_sentence(part):
                yield Message(part.strip(), f"{path}:{line}")


def _texts(node: ast.AST) -> Iterator[tuple[str, int]]:
    """Yield the texts below a node and their lines, but for documentation and where nothing is said."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        # What str.format fills in.
        yield re.sub(r"\{[a-z]+\}", GAP, node.value), node.lineno
    if isinstance(node, ast.JoinedStr):
        yield "".join(str(part.value) if isinstance(part, ast.Constant) else GAP for part in node.values), node.lineno
    for child in ast.iter_child_nodes(node):
        if not _is_silent(child) and not (isinstance(node, ast.JoinedStr) and isinstance(child, ast.Constant)):
            yield from _texts(child)


def _is_silent(node: ast.AST) -> bool:
    """Tell whether no text below a node is a message."""
    if isinstance(node, ast.Assign):
        return any(isinstance(target, ast.Name) and target.id in DOCUMENTS for target in node.targets)
    is_text = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    is_call = isinstance(node, ast.Call) and bool(SILENT.search(ast.unparse(node.func)))
    return is_text or is_call or isinstance(node, ast.Compare)


def in_yaml(path: Path) -> Iterator[Message]:
    """Yield the messages of a YAML file: what its tasks say, or what is in its variables."""
    root = yaml.compose(path.read_text())
    is_variables = isinstance(root, yaml.MappingNode)
    for key, text, line in _scalars(root, ""):
        if is_variables or key in SAYING:
            for part in (ECHO.sub(r"\1", part) for part in _in_jinja(text)):
                if is_sentence(part):
                    yield Message(part.strip(), f"{path}:{line}")


def _scalars(node: yaml.Node | None, key: str) -> Iterator[tuple[str, str, int]]:
    """Yield each text with its key and its line."""
    if isinstance(node, yaml.ScalarNode):
        yield key, node.value, node.start_mark.line + 1
    elif isinstance(node, yaml.SequenceNode):
        for item in node.value:
            yield from _scalars(item, key)
    elif isinstance(node, yaml.MappingNode):
        for name, value in node.value:
            yield from _scalars(value, str(name.value))


def _in_jinja(text: str) -> Iterator[str]:
    """Yield a template's own text, with gaps for its expressions, and the texts in these."""
    for output in _jinja().parse(text.replace(GAP, NAME)).find_all(nodes.Output):
        for part in _in_output(output):
            yield part.replace(NAME, GAP)


def _in_output(output: nodes.Output) -> Iterator[str]:
    """Yield the text of a part of a template, and the texts in its expressions."""
    yield "".join(part.data if isinstance(part, nodes.TemplateData) else GAP for part in output.nodes)
    yield from _in_expression(output)


def _in_expression(node: nodes.Node) -> Iterator[str]:
    """Yield the texts in a Jinja expression; those that `~` puts together are one."""
    if isinstance(node, nodes.Concat):
        yield "".join(str(part.value) if isinstance(part, nodes.Const) else GAP for part in node.nodes)
    elif isinstance(node, nodes.Const) and isinstance(node.value, str):
        yield node.value
    else:
        for child in node.iter_child_nodes():
            yield from _in_expression(child)


@cache
def _jinja() -> Environment:
    """Return a Jinja that only reads."""
    return Environment()


def constants(path: Path) -> Iterator[str]:
    """Yield each text of a Python file and each in the templates of a YAML file, whether it is a message or none."""
    if path.suffix == ".py":
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield node.value
    else:
        for _, text, _ in _scalars(yaml.compose(path.read_text()), ""):
            yield from _in_jinja(text)
