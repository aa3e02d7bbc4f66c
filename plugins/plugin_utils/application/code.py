"""What the Python code of an application says without being run: its names, and values that are constant."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from pathlib import PurePosixPath
from posixpath import join, normpath, relpath
from typing import Any

from ansible_collections.foobar.webstack.plugins.plugin_utils.application.names import MAX_STEPS, Names
from ansible_collections.foobar.webstack.plugins.plugin_utils.application.syntax import FUNCTIONS, assigned
from ansible_collections.foobar.webstack.plugins.plugin_utils.application.tree import Tree

# What can't be told without running the code.
UNKNOWN: Any = type("Unknown", (), {"__repr__": lambda self: "UNKNOWN"})()
# What knows the folder of the module that it is made in.
WITH_ROOT_PATH = ("flask.Flask", "quart.Quart", "apiflask.APIFlask", "flask.Blueprint", "quart.Blueprint")
# Parts of one value, and the length of a text; names that stand for two others each would make endless ones.
MAX_PARTS = 10_000
MAX_LENGTH = 4096


class Code(Names):
    """The names of a tree's modules, with their values.

    Paths in values are relative to the tree, as PurePosixPath; those that lead out of it begin with `..` or `/`.
    """

    def __init__(self, tree: Tree, roots: Sequence[str] = ("",), home: str = "") -> None:
        """Give each Python file its dotted names; `home` is the folder of the tree that the application runs in."""
        super().__init__(tree, roots)
        self.home = home
        self._parts = 0

    def folder(self, value: Any) -> str:
        """Return the folder that a value names, by the tree, or an empty string where it names none.

        A text goes by the folder that the application runs in, a path that is made of a file's by the tree.
        """
        if not isinstance(value, str | PurePosixPath) or not str(value):
            return ""
        return normpath(join(self.home, value) if isinstance(value, str) else str(value))

    def from_home(self, path: str) -> str:
        """Return a path of the tree as a command has it that runs in the application's folder."""
        return relpath(path, self.home or ".")

    def value(self, path: str, node: ast.AST | None, steps: int = 0) -> Any:
        """Return the value of an expression, or UNKNOWN; what is read from the environment has its default."""
        self._parts = self._parts + 1 if steps else 0
        if steps > MAX_STEPS or self._parts > MAX_PARTS or node is None:
            return UNKNOWN
        further = steps + 1
        if isinstance(node, ast.Constant):
            return node.value
        if isinstance(node, ast.List | ast.Tuple | ast.Set):
            return [self.value(path, item, further) for item in node.elts if not isinstance(item, ast.Starred)]
        if isinstance(node, ast.Dict):
            return {
                key.value: self.value(path, value, further)
                for key, value in zip(node.keys, node.values, strict=True)
                if isinstance(key, ast.Constant)
            }
        if isinstance(node, ast.Name):
            return self._named(path, node.id, further)
        if isinstance(node, ast.Attribute):
            return self._attribute(path, node, further)
        if isinstance(node, ast.BinOp):
            return self._operation(path, node, further)
        if isinstance(node, ast.BoolOp):
            return self._choice(path, node, further)
        if isinstance(node, ast.JoinedStr):
            parts = [
                self.value(path, part.value if isinstance(part, ast.FormattedValue) else part, further)
                for part in node.values
            ]
            return _text(parts)
        if isinstance(node, ast.Subscript):
            return self._item(path, node, further)
        return self._result(path, node, further) if isinstance(node, ast.Call) else UNKNOWN

    def setting(self, path: str, name: str) -> Any:
        """Return the value that a module has under a name, or UNKNOWN."""
        self._parts = 0
        return self._named(path, name, 1)

    def setting_node(self, path: str, name: str) -> tuple[str, ast.expr | None]:
        """Return the file and the expression of a module's name, which may come from another by `import *`."""
        return self.origin(path, ast.Name(name, ast.Load()))

    def _named(self, path: str, name: str, steps: int) -> Any:
        """Return the value of a module's name: the last one that it was given, and what was added to it since."""
        if name == "__file__":
            return PurePosixPath(path)
        if name == "__name__":
            return self.name(path)
        values = self.bindings(path).get(name, [])
        given = [index for index, (_, is_added) in enumerate(values) if not is_added]
        if given:
            found = self.value(path, values[given[-1]][0], steps)
            added = values[given[-1] + 1 :]
        else:
            source, inner = self.resolve(self.imports(path).get(name) or self._from_star(path, name) or "")
            if not source or steps > MAX_STEPS:
                return UNKNOWN
            found, added = self._named(source, inner, steps + 1), values
        for value, _ in added:
            found = _sum(found, self.value(path, value, steps))
        return found

    def _attribute(self, path: str, node: ast.Attribute, steps: int) -> Any:
        """Return the value of a path's parent, of another module's name, or of a setting that has a default."""
        if node.attr == "parent":
            place = _place(self.value(path, node.value, steps))
            return UNKNOWN if place is None else place / ".."
        if node.attr == "root_path" and self.maker(path, node.value) in WITH_ROOT_PATH:
            return PurePosixPath(self.origin(path, node.value)[0]).parent
        where, inner = self.resolve(self.qualified(path, node))
        if where and "." not in inner:
            return self._named(where, inner, steps)
        found, name = self.resolve(self.maker(path, node.value))
        made = self.definitions(found).get(name) if found else None
        if isinstance(made, ast.ClassDef):
            for statement in made.body:
                for attribute, value in assigned(statement):
                    if attribute == node.attr:
                        return self.value(found, value, steps)
        return UNKNOWN

    def _operation(self, path: str, node: ast.BinOp, steps: int) -> Any:
        """Return a sum, or a path that another is added to."""
        left, right = self.value(path, node.left, steps), self.value(path, node.right, steps)
        if isinstance(node.op, ast.Add):
            return _sum(left, right)
        if isinstance(node.op, ast.Div):
            return _joined(left, right)
        place = _place(left)
        if isinstance(node.op, ast.Sub) and place is not None and isinstance(right, int):
            return place.joinpath(*[".."] * min(right, MAX_STEPS))  # environ.Path(__file__) - 2
        return UNKNOWN

    def _choice(self, path: str, node: ast.BoolOp, steps: int) -> Any:
        """Return the first value of `a or b` that is known to count; without an environment its variables are empty."""
        if not isinstance(node.op, ast.Or):
            return UNKNOWN
        values = [self.value(path, part, steps) for part in node.values]
        return next((value for value in values[:-1] if value and value is not UNKNOWN), values[-1])

    def _item(self, path: str, node: ast.Subscript, steps: int) -> Any:
        """Return a parent of a path by its number, or an item of a dictionary."""
        index = self.value(path, node.slice, steps)
        if isinstance(node.value, ast.Attribute) and node.value.attr == "parents" and isinstance(index, int):
            place = _place(self.value(path, node.value.value, steps))
            return UNKNOWN if place is None else place.joinpath(*[".."] * min(index + 1, MAX_STEPS))
        value = self.value(path, node.value, steps)
        return value.get(index, UNKNOWN) if isinstance(value, dict) and isinstance(index, str) else UNKNOWN

    def _result(self, path: str, node: ast.Call, steps: int) -> Any:
        """Return what a call gives that makes a path or a text, or that reads the environment with a default."""
        name = self.qualified(path, node.func)
        method = node.func.attr if isinstance(node.func, ast.Attribute) else name.rpartition(".")[2]
        if method in ("resolve", "absolute") and isinstance(node.func, ast.Attribute):
            return self.value(path, node.func.value, steps)
        arguments = [self.value(path, argument, steps) for argument in node.args]
        if name in ("os.getcwd", "pathlib.Path.cwd"):
            return PurePosixPath(self.home or ".")
        if name == "str":
            return arguments[0] if arguments else UNKNOWN
        if name.endswith(("path.abspath", "path.realpath", "path.normpath")):
            return _joined(*self._placed(arguments[:1]))
        if name.endswith(("path.dirname",)):
            return _joined(*arguments, "..") if arguments else UNKNOWN
        if name in ("pathlib.Path", "pathlib.PurePath", "environ.Path") or name.endswith("path.join"):
            return _joined(*self._placed(arguments))
        if method in ("strip", "lstrip", "rstrip") and isinstance(node.func, ast.Attribute) and len(arguments) < 2:
            text = self.value(path, node.func.value, steps)
            is_plain = isinstance(text, str) and all(isinstance(argument, str) for argument in arguments)
            return getattr(text, method)(*arguments) if is_plain else UNKNOWN
        if method == "joinpath" and isinstance(node.func, ast.Attribute):
            return _joined(self.value(path, node.func.value, steps), *arguments)
        return self._default(path, node, steps)

    def _placed(self, parts: list[Any]) -> list[Any]:
        """Return the parts of a path, the first by the tree: a text goes by the folder that the application runs in."""
        is_text = bool(parts) and isinstance(parts[0], str)
        return [PurePosixPath(self.home or ".") / parts[0], *parts[1:]] if is_text else parts

    def _default(self, path: str, node: ast.Call, steps: int) -> Any:
        """Return the default of a call such as `os.environ.get("NAME", default)`, or UNKNOWN."""
        if not node.args or not isinstance(node.args[0], ast.Constant):
            return UNKNOWN
        named = [keyword.value for keyword in node.keywords if keyword.arg == "default"]
        is_get = self.qualified(path, node.func) in ("os.environ.get", "os.getenv")
        if isinstance(node.func, ast.Attribute):
            is_get = is_get or self.maker(path, node.func.value).endswith(".Env")  # of environ and environs
        found = named or (node.args[1:2] if is_get or self._reads_environment(path, node.func) else [])
        return self.value(path, found[0], steps) if found else UNKNOWN

    def _reads_environment(self, path: str, func: ast.expr) -> bool:
        """Tell whether a function of the application's own reads a variable; what follows its name is the default."""
        where, definition = self.definition(path, func)
        nodes = ast.walk(definition) if isinstance(definition, FUNCTIONS) else ()
        return any(
            isinstance(node, ast.Attribute | ast.Name)
            and self.qualified(where, node) in ("os.environ", "os.environ.get", "os.getenv")
            for node in nodes
        )


def _place(value: Any) -> PurePosixPath | None:
    """Return a value as a path, or None."""
    return PurePosixPath(normpath(str(value))) if isinstance(value, str | PurePosixPath) and str(value) else None


def _joined(*parts: Any) -> Any:
    """Return a path of several parts; it is UNKNOWN as soon as a part is."""
    places = [_place(part) for part in parts]
    if not places or None in places:
        return UNKNOWN
    return PurePosixPath(normpath(str(PurePosixPath(*[place for place in places if place is not None]))))


def _text(parts: list[Any]) -> Any:
    """Return texts as one, which is a path where one of them is; it is UNKNOWN as soon as one is no text."""
    if not all(isinstance(part, str | int | PurePosixPath) for part in parts):
        return UNKNOWN
    text = "".join(map(str, parts))[:MAX_LENGTH]
    return PurePosixPath(normpath(text)) if any(isinstance(part, PurePosixPath) for part in parts) else text


def _sum(left: Any, right: Any) -> Any:
    """Return two texts or two lists as one; a list keeps what is known of it."""
    if isinstance(left, str | PurePosixPath) and isinstance(right, str):
        return _text([left, right])
    if isinstance(left, list) or isinstance(right, list):
        return [*(left if isinstance(left, list) else [UNKNOWN]), *(right if isinstance(right, list) else [UNKNOWN])]
    return UNKNOWN
